"""The specimens that Doc 9303-4 to -7 print, and those of 9303-11 D.2 with a long number, retyped."""

from types import SimpleNamespace

import pytest

SPECIMENS = {
    "TD1": (
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    ),
    "TD2": ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"),
    "TD3": (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    ),
    "MRV_A": (
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
    ),
    "MRV_B": ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"),
    "TD1_LONG": (
        "I<UTOD23145890<7349<<<<<<<<<<<",
        "3407127M9507122UTO<<<<<<<<<<<2",
        "STEVENSON<<PETER<JOHN<<<<<<<<<",
    ),
    "TD2_LONG": ("I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<", "D23145890<UTO3407127M95071227349<<<8"),
}


@pytest.fixture(scope="session")
def specimens() -> SimpleNamespace:
    """Lines by format; `specimens.TD3`."""
    return SimpleNamespace(**SPECIMENS)


@pytest.fixture(scope="session", params=SPECIMENS)
def specimen(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Each of them in turn."""
    return SPECIMENS[request.param]
