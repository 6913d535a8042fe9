"""The chip desk: one chip held open between requests, let go of whatever happens."""

import asyncio

import pytest

from appliance.contracts.capture import AuthenticateChip, ChipKeys, ReadChip
from appliance.contracts.errors import ServiceError
from appliance.secure_messaging.apdu import Command
from appliance.secure_messaging.chip_authentication import begin
from appliance.services.capture import chips
from appliance.services.capture.service import CaptureService
from appliance.simulation.booth import person_of
from appliance.simulation.chip import Misbehaviour, VirtualChip, mrz_information_of
from appliance.travel_document.lds.security_infos import read_dg14
from hal.document_reader.simulated import SimulatedDocumentReader

PERSON = person_of(1)
REQUEST = ReadChip(mrz_information=mrz_information_of(PERSON.files), timeout=5)


def service(misbehaviour: Misbehaviour = Misbehaviour.NONE) -> CaptureService:
    reader = SimulatedDocumentReader()
    chip = VirtualChip(
        PERSON.files,
        mrz_information=REQUEST.mrz_information,
        secrets=PERSON.secrets,
        misbehaviour=misbehaviour,
        slow_seconds=0.05,
    )
    reader.present(lines=PERSON.lines, transmit=chip.transmit)
    return CaptureService([reader], chip_transport="direct")


def session_of(request: ReadChip, session: str, **changes) -> ReadChip:
    return ReadChip(mrz_information=request.mrz_information, session=session, **changes)


def test_ok__opened_proved_and_read():
    async def main():
        capture = service()
        opened = await capture.open_chip(REQUEST)
        assert set(opened.files) == {"CardAccess", "COM", "SOD", "DG14"}
        run = begin(read_dg14(opened.files["DG14"]))
        answer = await capture.authenticate_chip(
            AuthenticateChip(
                session=opened.session,
                commands=tuple(command.encode() for command in run.commands()),
                first=run.first_command(Command.decode(opened.next_command)).encode(),
            )
        )
        assert run.proof(answer.response).data == PERSON.files["DG1"]
        keys = ChipKeys(
            cipher=run.keys.cipher.name,
            key_bytes=run.keys.cipher.key_bytes,
            key_enc=run.keys.key_enc,
            key_mac=run.keys.key_mac,
        )
        return await capture.read_chip(session_of(REQUEST, opened.session, keys=keys, challenge=bytes(8)))

    evidence = asyncio.run(main())
    assert evidence.files == PERSON.files
    assert (evidence.access, evidence.pace_offered, evidence.signature) == ("PACE", True, None)
    assert [one.outcome for one in evidence.attempts] == ["opened"]
    assert evidence.portrait is not None


def test_ok__in_one_request():
    evidence = asyncio.run(service().read_chip(REQUEST))
    assert evidence.files == PERSON.files


def refused(capture: CaptureService, work) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        asyncio.run(work(capture))
    return caught.value


def test_fail__a_session_that_is_none():
    async def read(capture):
        await capture.read_chip(session_of(REQUEST, "none"))

    async def read_twice(capture):
        opened = await capture.open_chip(REQUEST)
        await capture.read_chip(session_of(REQUEST, opened.session))
        await capture.read_chip(session_of(REQUEST, opened.session))

    async def opened_anew(capture):
        opened = await capture.open_chip(REQUEST)
        await capture.open_chip(REQUEST)
        await capture.authenticate_chip(AuthenticateChip(session=opened.session, commands=(), first=b""))

    for work in (read, read_twice, opened_anew):
        assert refused(service(), work).code == "session_lost"


def test_fail__nobody_asks_on(monkeypatch):
    monkeypatch.setattr(chips, "HOLD_SECONDS", 0.05)

    async def late(capture):
        opened = await capture.open_chip(REQUEST)
        await asyncio.sleep(0.2)
        await capture.read_chip(session_of(REQUEST, opened.session))

    assert refused(service(), late).code == "session_lost"


def test_fail__commands_that_are_none():
    async def work(capture):
        opened = await capture.open_chip(REQUEST)
        await capture.authenticate_chip(
            AuthenticateChip(session=opened.session, commands=(b"\x00",), first=b"")
        )

    assert refused(service(), work).code == "bad_request"


@pytest.mark.parametrize(
    ("misbehaviour", "code"),
    [
        (Misbehaviour.WRONG_MAC, "protection_broken"),
        (Misbehaviour.NO_APPLICATION, "chip_error"),
        (Misbehaviour.DIES_MID_FILE, "removed"),
        (Misbehaviour.PACE_CANNOT_PROVE, "protection_broken"),
    ],
)
def test_fail__chips_that_misbehave(misbehaviour: Misbehaviour, code: str):
    assert refused(service(misbehaviour), lambda capture: capture.read_chip(REQUEST)).code == code


def test_fail__an_mrz_that_opens_nothing():
    nothing = ReadChip(mrz_information="", timeout=5)
    assert refused(service(), lambda capture: capture.open_chip(nothing)).code == "chip_error"
    other = ReadChip(mrz_information="X898902C<369080619406236", timeout=5)
    assert refused(service(), lambda capture: capture.open_chip(other)).code == "access_denied"


def test_ok__a_caller_that_gives_up_frees_the_chip():
    async def main():
        capture = service(Misbehaviour.SLOW)
        task = asyncio.create_task(capture.read_chip(REQUEST))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert capture._chips._held is None

    asyncio.run(main())


def test_ok__closing_the_service_lets_go():
    async def main():
        capture = service()
        opened = await capture.open_chip(REQUEST)
        capture._chips.close()
        with pytest.raises(ServiceError):
            await capture.read_chip(session_of(REQUEST, opened.session))

    asyncio.run(main())
