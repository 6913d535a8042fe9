"""Officers' cards at a real lane: real capture service, pcscd, its virtual reader, a simulated PIV card."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import structs
from scripted import ScriptedCapture
from second_line_scripted import HONEST, PINS, REASON, STOLEN, LitReader, login, records, refer, staff

from appliance.chip.piv import prove
from appliance.config import Box, Profile
from appliance.contracts.capture import Nothing, ReadChip
from appliance.contracts.card import CardProof, ProveCard
from appliance.contracts.cases import CaseOutcome, CloseCase, Work
from appliance.contracts.errors import ServiceError
from appliance.contracts.officers import Login, Release
from appliance.officer_card import key_of, name_of
from appliance.records import officers
from appliance.records.officer_cards import FILE
from appliance.services.capture.service import CaptureService
from appliance.services.lane.card import CardProblem, CardReader
from appliance.simulation.chip import VirtualChip, build_files, mrz_information_of
from appliance.simulation.chip.pcscd import PcscdUnavailable, VirtualReader, virtual_reader
from appliance.simulation.chip.piv_card import PivCard, Trick
from appliance.simulation.portraits import draw_portrait
from appliance.simulation.travellers import traveller
from hal.device import HalError, Timeout
from hal.document_reader.pcsc import PcscReader

FILES = build_files(mrz_lines=traveller(1).lines, picture=draw_portrait(1))
MRZ_INFORMATION = mrz_information_of(FILES)
KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
EMIL, STRANGER = PivCard(KEY), PivCard(OTHER_KEY)
EMILS_KEY = key_of(EMIL.certificate)


@pytest.fixture(scope="module")
def virtual() -> Iterator[VirtualReader]:
    try:
        context = virtual_reader()
        held = context.__enter__()
    except PcscdUnavailable as error:
        pytest.skip(str(error))
    yield held
    context.__exit__(None, None, None)


@pytest.fixture
def book(keys_and_lists, tmp_path: Path, quick_pins) -> officers.Officers:
    """Emil has a card, the others have none."""
    book = staff(tmp_path, keys_and_lists[0].storage)
    book.give_card("Emil", EMILS_KEY)
    return book


class Reader:
    """The virtual reader at a real capture service; everything else is scripted."""

    def __init__(self, virtual: VirtualReader, *, own: bool) -> None:
        self.virtual = virtual
        self._device = device = PcscReader(reader_name=virtual.name)
        self.service = CaptureService([device], card_readers=[device.identity.key] if own else ())
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self.service.run())
        while (await self.service.devices(Nothing())).devices[0].state != "READY":
            await asyncio.sleep(0.02)
        while not await asyncio.to_thread(self._is_empty):
            await asyncio.sleep(0.02)

    def _is_empty(self) -> bool:
        """pcscd takes a moment to notice that the last test's card is gone."""
        try:
            self._device.wait_for_chip(0.05).close()
        except Timeout:
            return True
        except HalError:
            return False  # it went just now, or the reader is being looked at
        return False

    async def stop(self) -> None:
        self.virtual.remove()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def lay(self, card) -> None:
        self.virtual.insert(card)

    def take_away(self) -> None:
        self.virtual.remove()


@pytest.fixture
def at_lane(make_lane, house, book, virtual, monkeypatch, tmp_path):
    """Runs `work(officer, reader)` at a lane whose reader is the virtual one."""
    monkeypatch.setattr("appliance.services.lane.card.WAIT_SECONDS", 2.0)

    def run(work, *, own: bool = False, capture: ScriptedCapture | None = None, **policy: str):
        capture = capture or ScriptedCapture(traveller(HONEST).lines)
        reader = Reader(virtual, own=own)
        capture.prove_card = reader.service.prove_card
        lane = make_lane(capture, policy=policy_with(tmp_path, **policy))

        async def main(officer):
            await reader.start()
            try:
                return await work(officer, reader)
            finally:
                await reader.stop()

        house.run(lane, main)
        return lane

    return run


def policy_with(folder: Path, **changes: str) -> Path | None:
    if not changes:
        return None
    text = Path("appliance/services/lane/policy.toml").read_text("utf-8")
    text = text.replace("notice_seconds = 7", "notice_seconds = 0")
    lines = "".join(f'{name} = "{value}"\n' for name, value in changes.items())
    path = folder / "policy.toml"
    path.write_text(text.replace("[officers]\n", f"[officers]\n{lines}"))
    return path


def acts(lane, house) -> list[tuple]:
    found = asyncio.run(records(lane, house))
    return [
        (body["act"], body["officer"], body.get("card"), body.get("pin"))
        for type_, body in found
        if type_ == "officer"
    ]


def test_ok__card_and_pin_log_in_and_close_a_case(at_lane, house) -> None:
    async def work(officer, reader):
        reader.lay(EMIL)
        lane = officer.lane
        await officer.until(lambda view: view.press == "start")
        assert {one.name: one.card for one in lane.view().officers}["Emil"] is True
        assert (await lane.login(login("Emil"))).taken
        assert lane.view().officer.name == "Emil"
        crossing = await refer(officer)
        closing = CloseCase(
            crossing=crossing,
            pin=PINS["Emil"],
            outcome=CaseOutcome.ADMITTED,
            ground=None,
            reason=REASON,
            work=Work(),
        )
        reader.take_away()
        refused = await asyncio.to_thread(lane.second_line.close, closing)
        assert (refused.taken, refused.problem) == (False, "no_card")
        reader.lay(EMIL)
        assert (await asyncio.to_thread(lane.second_line.close, closing)).taken

    lane = at_lane(work)
    card = name_of(EMILS_KEY)
    assert acts(lane, house) == [("login", "Emil", card, True), ("no_card", "Emil", None, None)]


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        (None, "no_card"),
        (STRANGER, "wrong_card"),
        (PivCard(KEY, trick=Trick.CLONE), "card_unproven"),
        (PivCard(KEY, trick=Trick.REFUSES), "card_unproven"),
        (PivCard(KEY, trick=Trick.NOISE), "card_unproven"),
        (PivCard(curve=ec.SECP384R1()), "foreign_card"),
    ],
)
def test_fail__the_pin_alone_is_worth_nothing_without_the_card(at_lane, house, book, card, problem) -> None:
    async def work(officer, reader):
        if card is not None:
            reader.lay(card)
        for _ in range(officers.MAX_TRIES + 1):
            answer = await officer.lane.login(Login(name="Emil", pin="000000"))
            assert (answer.taken, answer.problem) == (False, problem)  # and no PIN was tried
            if card is None:
                break
        answer = await officer.lane.login(login("Emil"))
        assert (answer.taken, answer.problem) == (False, problem)

    lane = at_lane(work)
    assert lane.view().officer is None
    assert {act for act, *_ in acts(lane, house)} == {problem}


def test_fail__a_passport_is_no_officer_s_card_and_a_card_is_no_passport(at_lane, house) -> None:
    async def work(officer, reader):
        reader.lay(VirtualChip(FILES, mrz_information=MRZ_INFORMATION))
        assert (await officer.lane.login(login("Emil"))).problem == "foreign_card"
        read = await reader.service.read_chip(ReadChip(mrz_information=MRZ_INFORMATION, timeout=20))
        assert "DG1" in read.files
        reader.lay(EMIL)
        with pytest.raises(ServiceError) as refused:
            await reader.service.read_chip(ReadChip(mrz_information=MRZ_INFORMATION, timeout=20))
        assert refused.value.code == "chip_error"
        assert (await officer.lane.login(login("Emil"))).taken

    signed = EMIL.signed
    at_lane(work)
    assert EMIL.signed == signed + 1  # the reading of a document let it sign nothing


def test_fail__while_a_document_is_being_read_no_card_is_asked_for(at_lane) -> None:
    async def work(officer, reader):
        reader.lay(VirtualChip(FILES, mrz_information=MRZ_INFORMATION))
        request = ReadChip(mrz_information=MRZ_INFORMATION, timeout=20)
        opened = await reader.service.open_chip(request)
        assert (await officer.lane.login(login("Emil"))).problem == "card_busy"
        rest = structs.replace(request, session=opened.session)
        assert "DG2" in (await reader.service.read_chip(rest)).files

    at_lane(work)


def test_ok__a_document_goes_before_a_card_that_is_waited_for(at_lane) -> None:
    async def work(officer, reader):
        proving = asyncio.create_task(reader.service.prove_card(ProveCard(digest=bytes(32), timeout=50)))
        while reader.service._card_waited_for is None:
            assert not proving.done(), proving.exception()
            await asyncio.sleep(0.02)
        with pytest.raises(ServiceError) as none:
            await reader.service.open_chip(ReadChip(mrz_information=MRZ_INFORMATION, timeout=0.2))
        assert none.value.code == "no_chip"
        with pytest.raises(ServiceError) as busy:
            await proving
        assert busy.value.code == "busy"
        reader.lay(EMIL)
        assert (await officer.lane.login(login("Emil"))).taken

    at_lane(work)


def test_ok__a_card_alone_logs_in_where_the_policy_says_so(at_lane, house, book) -> None:
    async def work(officer, reader):
        alone = Login(name="", card=True)
        reader.lay(STRANGER)
        assert (await officer.lane.login(alone)).problem == "unknown_card"
        reader.lay(EMIL)
        assert (await officer.lane.login(alone)).taken
        assert officer.lane.view().officer.name == "Emil"
        assert (await officer.lane.login(Login(name=""))).taken
        assert (await officer.lane.login(login("Aida"))).taken  # who has none goes on with the PIN
        for _ in range(officers.MAX_TRIES):
            await officer.lane.login(Login(name="Emil", pin="000000"))
        locked = await officer.lane.login(alone)
        assert (locked.problem, locked.minutes) == ("locked", 15)

    lane = at_lane(work, card="alone")
    card = name_of(EMILS_KEY)
    assert acts(lane, house)[:4] == [
        ("unknown_card", "", name_of(key_of(STRANGER.certificate)), None),
        ("login", "Emil", card, False),
        ("logout", "Emil", None, None),
        ("login", "Aida", None, None),
    ]
    assert [act for act, *_ in acts(lane, house)[4:]] == ["wrong_pin"] * 4 + ["locked"] * 2


def test_fail__as_shipped_a_card_alone_does_not_log_in(at_lane) -> None:
    async def work(officer, reader):
        reader.lay(EMIL)
        assert (await officer.lane.login(Login(name="", card=True))).problem == "card_and_pin"

    signed = EMIL.signed
    at_lane(work)
    assert EMIL.signed == signed


def test_ok__who_takes_the_card_away_ends_the_shift(at_lane, house, monkeypatch) -> None:
    monkeypatch.setattr("appliance.services.lane.duty.WATCH_SECONDS", 0.1)
    monkeypatch.setattr("appliance.services.lane.duty.PRESENT_SECONDS", 0.3)

    async def work(officer, reader):
        reader.lay(EMIL)
        assert (await officer.lane.login(login("Emil"))).taken
        signed = EMIL.signed
        while EMIL.signed < signed + 3:  # it lies there, and proves itself again and again
            await asyncio.sleep(0.02)
        assert officer.lane.view().officer.name == "Emil"
        reader.take_away()
        await officer.until(lambda view: view.officer is None)
        reader.lay(EMIL)
        assert (await officer.lane.login(login("Aida"))).taken
        reader.take_away()
        await asyncio.sleep(0.5)
        assert officer.lane.view().officer.name == "Aida"  # logged in without a card

    lane = at_lane(work, own=True, card_removed="logout")
    assert [act for act, *_ in acts(lane, house)] == ["login", "card_removed", "login"]


def test_fail__a_release_under_red_wants_the_card_too(at_lane, house) -> None:
    async def work(officer, reader):
        reader.lay(STRANGER)
        await officer.press()
        view = await officer.until(lambda view: view.may_release)
        release = Release(crossing=view.crossing, name="Emil", pin=PINS["Emil"], reason=REASON)
        assert (await officer.lane.release(release)).problem == "wrong_card"
        reader.lay(EMIL)
        assert (await officer.lane.release(release)).taken
        await officer.until(lambda view: view.last_outcome is not None)

    at_lane(work, capture=LitReader(STOLEN))


def test_fail__a_simulated_card_counts_for_nothing_in_production() -> None:
    class Capture:
        async def prove_card(self, request: ProveCard) -> CardProof:
            answer = prove(EMIL.whole, request.digest)
            return CardProof(
                certificate=answer.certificate,
                signature=answer.signature,
                device="d",
                simulated=True,
                own_reader=False,
            )

    async def asked(profile: Profile):
        reader = CardReader(Capture(), Box(device="b", post="p", profile=profile))
        reader.loop = asyncio.get_running_loop()
        return await asyncio.to_thread(reader.ask)

    assert asyncio.run(asked(Profile.TRAINING)).key == EMILS_KEY
    with pytest.raises(CardProblem, match="card_unproven"):
        asyncio.run(asked(Profile.PRODUCTION))


def test_fail__cards_that_cannot_be_read_let_nobody_in(make_lane, book, tmp_path) -> None:
    lane = make_lane(ScriptedCapture(()))
    (tmp_path / FILE).write_bytes(b"x" * 64)
    assert asyncio.run(lane.login(login("Aida"))).problem == "storage"


def test_ok__a_box_without_a_reader_says_so(make_lane, house, book) -> None:
    class NoReader(ScriptedCapture):
        async def prove_card(self, request: ProveCard) -> CardProof:
            return await CaptureService([]).prove_card(request)

    async def work(officer):
        return await officer.lane.login(login("Emil"))

    assert house.run(make_lane(NoReader(())), work).problem == "no_reader"


def test_ok__one_card_one_officer_and_gone_with_them(book, tmp_path) -> None:
    with pytest.raises(officers.OfficerError, match="This card is Emil's"):
        book.give_card("Aida", EMILS_KEY)
    with pytest.raises(officers.OfficerError, match="no officer called Nobody"):
        book.give_card("Nobody", EMILS_KEY)
    book.give_card("Emil", EMILS_KEY)
    assert EMILS_KEY not in (tmp_path / FILE).read_bytes()
    book.remove("Emil")
    assert book.cards.all() == {}
    book.give_card("Aida", EMILS_KEY)
    assert [one.name for one in book.all() if one.card] == ["Aida"]
