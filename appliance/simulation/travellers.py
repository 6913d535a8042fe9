"""Scripted travellers: invented people with documents that agree, or do not, in a known way.

The first four are the demo's: GREEN, AMBER (a near match on the list of persons), RED (a document
reported stolen), AMBER (a wrong check digit). Those after them are ordinary.
"""

import datetime as dt
import random
from dataclasses import dataclass

from appliance.contracts.checks import Recommendation
from appliance.simulation.watchlists import NEAR_MATCH, STOLEN_DOCUMENT
from appliance.travel_document import MrzFormat, generate_mrz

WRONG_CHECK_DIGIT_POSITION = 9
"""TD3, second line: the check digit of the document number."""

_ORDINARY = (
    ("UTO", "LINDQVIST", "ANNA MARIA", "F"),
    ("KGZ", "ТОКТОГУЛОВ", "БАКЫТ", "M"),
    ("FRA", "MOREAU", "LUCIE", "F"),
    ("TJK", "САФАРОВ", "РУСТАМ", "M"),
    ("NER", "IBRAHIM", "", "M"),
    ("UZB", "YULDASHEVA", "NILUFAR", "F"),
)
"""Issuing state, surname, given names (one has a single name), sex."""

ISSUING_STATES = tuple(dict.fromkeys(["UTO", STOLEN_DOCUMENT.issuing_state, *(one[0] for one in _ORDINARY)]))
"""Whose documents the travellers carry, and whose authorities the demo's trust store holds."""


@dataclass(frozen=True, slots=True)
class Traveller:
    """One invented person with one document."""

    number: int
    story: str
    lines: tuple[str, ...]
    """The MRZ as printed on the page, and in the chip."""
    portrait_seed: int
    expected: Recommendation


def traveller(number: int) -> Traveller:
    """The traveller of this number, from 1; the same each time."""
    if number < 1:
        raise ValueError("Travellers are counted from 1.")
    scripted = {1: _ordinary_one, 2: _near_match, 3: _stolen, 4: _wrong_check_digit}
    return scripted[number]() if number in scripted else _ordinary(number)


def _ordinary_one() -> Traveller:
    lines = _passport(
        "UTO", "ERIKSSON", "ANNA MARIA", number="L898902C3", birth_date=dt.date(1974, 8, 12), sex="F"
    )
    return Traveller(1, "ordinary", lines, 11, Recommendation.GREEN)


def _near_match() -> Traveller:
    lines = _passport(
        "UTO",
        NEAR_MATCH.traveller_primary,
        NEAR_MATCH.traveller_secondary,
        number="KX4471902",
        birth_date=NEAR_MATCH.birth_date,
        sex="M",
    )
    return Traveller(2, "near match on the list of persons", lines, 4, Recommendation.AMBER)


def _stolen() -> Traveller:
    lines = _passport(
        STOLEN_DOCUMENT.issuing_state,
        "VARGA",
        "MILAN",
        number=STOLEN_DOCUMENT.number,
        birth_date=dt.date(1990, 11, 3),
        sex="M",
    )
    return Traveller(3, "document reported stolen", lines, 9, Recommendation.RED)


def _wrong_check_digit() -> Traveller:
    first, second = _passport(
        "UTO", "OKAFOR", "GRACE", number="PT7730185", birth_date=dt.date(1996, 2, 27), sex="F"
    )
    at = WRONG_CHECK_DIGIT_POSITION
    wrong = str((int(second[at]) + 3) % 10)
    lines = (first, second[:at] + wrong + second[at + 1 :])
    return Traveller(4, "wrong check digit", lines, 6, Recommendation.AMBER)


def _ordinary(number: int) -> Traveller:
    person = random.Random(number)
    state, primary, secondary, sex = _ORDINARY[number % len(_ORDINARY)]
    document_number = f"{person.choice('ABCDEFGHJKLMNPRSTUVWXYZ')}{person.randrange(10**7, 10**8)}"
    birth_date = dt.date(1950, 1, 1) + dt.timedelta(days=person.randrange(20_000))
    lines = _passport(state, primary, secondary, number=document_number, birth_date=birth_date, sex=sex)
    return Traveller(number, "ordinary", lines, number * 7, Recommendation.GREEN)


def _passport(
    issuing_state: str,
    primary: str,
    secondary: str,
    *,
    number: str,
    birth_date: dt.date,
    sex: str,
) -> tuple[str, ...]:
    return generate_mrz(
        MrzFormat.TD3,
        document_code="P",
        issuing_state=issuing_state,
        primary_identifier=primary,
        secondary_identifier=secondary,
        document_number=number,
        nationality=issuing_state,
        birth_date=birth_date,
        sex=sex,
        expiry_date=_good_until(),
    )


def _good_until() -> dt.date:
    """Some years from now, so that the script does not grow old; the same all year round."""
    return dt.date(dt.datetime.now(dt.UTC).year + 5, 6, 30)
