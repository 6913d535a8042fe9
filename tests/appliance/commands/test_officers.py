"""`borne officers`, as a supervisor uses it."""

import asyncio
import io
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.chip.piv import prove
from appliance.contracts.card import CardProof, ProveCard
from appliance.contracts.errors import ServiceError
from appliance.contracts.transport import Operation, application, listen_unix, serve
from appliance.officer_card import key_of, name_of
from appliance.records import officers
from appliance.simulation.chip.piv_card import PivCard, Trick

CONFIG = """
[box]
device = "box-1"
post = "North"
profile = "training"
[paths]
data = "{folder}/data"
keys = "{folder}/keys"
[central]
sealing_key = "/none"
watermark_key = "/none"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(officers, "MEMORY", 8192)
    monkeypatch.setattr(officers, "OPS", 1)
    path = tmp_path / "borne.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def typed(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_ok__named_listed_and_removed(borne, config: Path, monkeypatch) -> None:
    at = ("--config", config)
    typed(monkeypatch, "271828", "271828")
    added = borne("officers", "add", "Aida", "--role", "officer", "--role", "second_line", *at)
    assert (added.code, added.out) == (0, "Aida works here as officer, second_line.\n")
    assert borne("officers", "list", *at).out == "Aida: officer, second_line\n"
    listed = borne("officers", "list", "--json", *at)
    assert listed.json == {"officers": [{"name": "Aida", "roles": ["officer", "second_line"], "card": False}]}
    assert b"271828" not in (config.parent / "data" / officers.FILE).read_bytes()
    assert borne("officers", "remove", "Aida", *at).code == 0
    nobody = borne("officers", "list", *at)
    assert (nobody.code, nobody.out) == (1, "")
    assert "Nobody is named here" in nobody.err


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        (("271828", "271829"), "The two PINs differ"),
        (("123456", "123456"), "first that anybody would try"),
        (("12", "12"), "6 to 12 digits"),
    ],
)
def test_fail__pins(could_not, config: Path, monkeypatch, pins, said: str) -> None:
    typed(monkeypatch, *pins)
    assert said in could_not("officers", "add", "Aida", "--role", "officer", "--config", config)


def test_fail__nobody_of_that_name_no_configuration_a_damaged_book(could_not, config: Path) -> None:
    assert "no officer called Aida" in could_not("officers", "remove", "Aida", "--config", config)
    assert "none.toml" in could_not("officers", "list", "--config", config.with_name("none.toml"))
    (config.parent / "data").mkdir(exist_ok=True)
    (config.parent / "data" / officers.FILE).write_bytes(b"rot")
    assert "damaged" in could_not("officers", "list", "--config", config)


class Capture:
    """The capture service's socket, with a simulated card on its reader, or none."""

    def __init__(self, folder: Path, card: PivCard | None) -> None:
        self._card = card
        self._served: asyncio.Task[None] | None = None
        self._path = folder / "run" / "capture.sock"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def prove_card(self, request: ProveCard) -> CardProof:
        if self._card is None:
            raise ServiceError("no_card", "No card came onto the reader.", retry=True)
        answer = prove(self._card.whole, request.digest)
        return CardProof(
            certificate=answer.certificate,
            signature=answer.signature,
            device="d",
            simulated=True,
            own_reader=False,
        )

    def __enter__(self) -> "Capture":
        self._path.parent.mkdir(exist_ok=True)
        listener = listen_unix(self._path)
        app = application([Operation("prove_card", ProveCard, self.prove_card)])
        self._thread.start()
        self._serving = asyncio.run_coroutine_threadsafe(serve(app, listener), self._loop)
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture
def aida(borne, config: Path, monkeypatch) -> tuple:
    config.write_text(config.read_text().replace("[paths]", f'[paths]\nrun = "{config.parent}/run"'))
    typed(monkeypatch, "271828", "271828")
    at = ("--config", config)
    assert borne("officers", "add", "Aida", "--role", "officer", *at).code == 0
    return at


def test_ok__a_card_is_given_listed_and_taken_away(borne, could_not, config: Path, aida) -> None:
    card = PivCard()
    with Capture(config.parent, card):
        given = borne("officers", "card", "Aida", *aida)
    named = name_of(key_of(card.certificate))
    assert given.code == 0
    assert given.out == f"Aida has card {named}; from now on it is asked for with the PIN.\n"
    assert borne("officers", "list", *aida).out == "Aida: officer – with a card\n"
    assert borne("officers", "list", "--json", *aida).json["officers"][0]["card"] is True
    assert borne("officers", "card", "Aida", "--remove", *aida).code == 0
    assert borne("officers", "list", *aida).out == "Aida: officer\n"
    assert "has no card" in could_not("officers", "card", "Aida", "--remove", *aida)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (None, "No card came"),
        (PivCard(trick=Trick.CLONE), "does not prove the key"),
        (PivCard(curve=ec.SECP384R1()), "not one of ECC P-256"),
    ],
)
def test_fail__a_card_that_is_none(could_not, config: Path, aida, card, said: str) -> None:
    with Capture(config.parent, card):
        assert said in could_not("officers", "card", "Aida", *aida)
    assert "no officer called Nobody" in could_not("officers", "card", "Nobody", *aida)


def test_fail__without_capture_no_card_is_read(could_not, aida) -> None:
    assert "capture.sock does not answer" in could_not("officers", "card", "Aida", *aida)
