"""Lane's conversation with capture about a chip: what proves it is kept by lane, whatever capture says."""

import asyncio
import datetime as dt

import msgspec
import pytest

from appliance.clock import TimeQuality
from appliance.contracts.capture import ChipAnswer, ReadChip
from appliance.contracts.movement import Stamp
from appliance.services.capture.service import CaptureService
from appliance.services.lane import workflow
from appliance.services.lane.chip_checks import chip_findings, moment_of
from appliance.services.lane.chip_reading import read_chip
from appliance.simulation.booth import person_of
from appliance.simulation.chip import Misbehaviour, VirtualChip, mrz_information_of
from appliance.simulation.chip.authority import trust_store_for
from appliance.simulation.travellers import ISSUING_STATES
from appliance.travel_document import parse_mrz
from hal.document_reader.simulated import SimulatedDocumentReader

NOW = dt.datetime.now(dt.UTC)
STORE = trust_store_for(ISSUING_STATES, now=NOW, crl_age=dt.timedelta(hours=5))
STAMP = Stamp(boot_id="b", monotonic_ns=1, wall=NOW.isoformat(), quality=TimeQuality.RTC)
MOMENT = moment_of(STAMP, NOW)


def capture_with(number: int, misbehaviour: Misbehaviour = Misbehaviour.NONE):
    person = person_of(number)
    reader = SimulatedDocumentReader()
    chip = VirtualChip(
        person.files,
        mrz_information=mrz_information_of(person.files),
        secrets=person.secrets,
        misbehaviour=misbehaviour,
    )
    reader.present(lines=person.lines, transmit=chip.transmit)
    service = CaptureService([reader], chip_transport="direct")
    return service, person


def read(capture, person) -> workflow.ChipRead:
    request = ReadChip(mrz_information=mrz_information_of(person.files), issuing_state="UTO", timeout=10)
    seen: list[set[str]] = []
    got = asyncio.run(read_chip(capture, request, verify_ahead=lambda files: seen.append(set(files))))
    assert {"SOD", "COM"} <= seen[0]
    assert "DG2" not in seen[0]
    return got


def told(got: workflow.ChipRead, person) -> dict[str, tuple[str, str]]:
    page = parse_mrz(person.lines, today=NOW.date())
    found = chip_findings(got.evidence, got.proofs, page, store=STORE, moment=MOMENT)
    return {check.id.removeprefix("chip."): (check.verdict.value, check.reason) for check in found}


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_ok__every_scheme_of_the_demo(number: int):
    capture, person = capture_with(number)
    got = read(capture, person)
    assert {verdict for verdict, _ in told(got, person).values()} <= {"PASS", "NOT_DONE"}
    assert told(got, person)["passive_authentication"] == ("PASS", "verified")
    if person.secrets.chip_authentication:
        assert told(got, person)["chip_authentication"] == ("PASS", "proved")
    if person.secrets.active_authentication:
        assert told(got, person)["active_authentication"] == ("PASS", "proved")


def test_ok__the_event_survives_the_journal():
    capture, person = capture_with(1)
    got = read(capture, person)
    again = workflow.decode(workflow.encode(got))
    assert again == got
    state = workflow.fold([again])
    assert (state.chip, state.chip_proofs) == (got.evidence, got.proofs)


def test_fail__a_clone_is_found_out():
    capture, person = capture_with(1, Misbehaviour.CLONE)
    assert told(read(capture, person), person)["chip_authentication"] == ("FAIL", "wrong_answer")
    capture, person = capture_with(3, Misbehaviour.CLONE)
    assert told(read(capture, person), person)["active_authentication"] == ("FAIL", "signature_wrong")


def test_fail__a_chip_that_refuses():
    capture, person = capture_with(1, Misbehaviour.REFUSES_CHIP_AUTHENTICATION)
    got = read(capture, person)
    assert got.proofs.chip_authentication.status_word == 0x6A88
    assert told(got, person)["chip_authentication"] == ("FAIL", "refused")


class Lying:
    """A capture that was taken over: it makes up what would prove the chip."""

    def __init__(self, capture, **lies) -> None:
        self._capture, self._lies = capture, lies
        self.keys: list[object] = []

    async def open_chip(self, request):
        return await self._capture.open_chip(request)

    async def authenticate_chip(self, request):
        return self._lies.get("answer") or await self._capture.authenticate_chip(request)

    async def read_chip(self, request):
        self.keys.append(request.keys)
        evidence = await self._capture.read_chip(request)
        return msgspec.structs.replace(evidence, **self._lies.get("evidence", {}))


@pytest.mark.parametrize(
    "response", [b"", b"\x90\x00", bytes(40) + b"\x90\x00", bytes.fromhex("6988"), b"\x00" * 3]
)
def test_fail__capture_cannot_make_up_chip_authentication(response: bytes):
    capture, person = capture_with(1)
    lying = Lying(capture, answer=ChipAnswer(response=response))
    got = read(lying, person)
    assert told(got, person)["chip_authentication"] == ("FAIL", "wrong_answer")
    assert lying.keys == [None], "keys are handed over only to a chip that has proved itself"


def test_fail__capture_cannot_make_up_active_authentication():
    capture, person = capture_with(3)
    got = read(Lying(capture, evidence={"signature": bytes(64)}), person)
    assert told(got, person)["active_authentication"] == ("FAIL", "signature_wrong")
    once = read(capture_with(3)[0], person)
    replayed = msgspec.structs.replace(got, evidence=once.evidence)
    assert told(replayed, person)["active_authentication"] == ("FAIL", "signature_wrong")


def test_fail__capture_cannot_put_in_another_key():
    capture, person = capture_with(1)
    other = person_of(1).files
    got = read(Lying(capture, evidence={"files": dict(other)}), person)
    assert told(got, person)["chip_authentication"] == ("CANNOT", "other_key")


def test_ok__a_key_that_cannot_be_read_is_judged_later():
    class Odd(Lying):
        async def open_chip(self, request):
            opened = await super().open_chip(request)
            return msgspec.structs.replace(opened, files={**opened.files, "DG14": b"\x6e\x00"})

    capture, person = capture_with(1)
    got = read(Odd(capture), person)
    assert got.proofs.chip_authentication is None
    assert told(got, person)["chip_authentication"] == ("NOT_DONE", "not_asked")


def test_ok__a_next_command_that_is_none_stops_the_proof_only():
    class Odd(Lying):
        async def open_chip(self, request):
            return msgspec.structs.replace(await super().open_chip(request), next_command=b"")

    capture, person = capture_with(1)
    assert read(Odd(capture), person).proofs.chip_authentication is None


@pytest.mark.parametrize(
    ("quality", "margin"),
    [("rtc", dt.timedelta()), ("carried", dt.timedelta(days=183)), ("unsure", None)],
)
def test_ok__the_moment_is_as_sure_as_the_clock(quality: str, margin):
    moment = moment_of(msgspec.structs.replace(STAMP, quality=quality), NOW + dt.timedelta(days=1))
    assert (moment.sure_within, moment.now) == (margin, NOW + dt.timedelta(days=1))


def test_ok__a_seal_on_the_page_is_judged_and_its_absence_is_ordinary():
    from appliance.contracts.capture import MrzEvidence
    from appliance.services.lane.checks import seal_checks
    from appliance.simulation.seal import build_seal, seal_signer
    from appliance.travel_document.pki.trust_import import import_trust

    lines = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
    page = parse_mrz(lines, today=NOW.date())
    store = import_trust(STORE, seal_signer().certificate.raw, (), now=NOW).store

    def checks(*barcodes: bytes):
        evidence = MrzEvidence(lines=lines, source="camera", device="d", simulated=True, barcodes=barcodes)
        state = workflow.State(document=evidence)
        return {one.id: one.reason for one in seal_checks(state, page, store=store, moment=MOMENT)}

    assert checks() == {}
    assert checks(b"https://example.org") == {}
    assert checks(b"other", build_seal(lines)) == {
        "seal.signature": "ok",
        "seal.certificate_path": "trusted",
        "seal.matches_mrz": "equal",
    }
