"""Central's appointments: whose word they are, what of the code is kept, and that each is good once."""

import datetime as dt
from pathlib import Path

import cbor2
import msgspec
import nacl.utils
import pytest
from nacl.secret import SecretBox
from nacl.signing import SigningKey

from appliance import cose
from appliance.contracts.officers import Role
from appliance.records import appointments as books
from appliance.records.appointment import (
    ALPHABET,
    CODE_LETTERS,
    CONTENT_TYPE,
    MAX_TIME,
    AppointmentError,
    is_code,
    make_appointment,
    read_appointment,
    sign_appointment,
    spoken,
)
from appliance.records.appointments import MAX_TRIES, Appointments, CodeLocked
from appliance.records.errors import StorageBroken
from appliance.records.secret_proof import prove

NOW = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)
LONG_AGO = NOW - dt.timedelta(days=400)
CENTRAL = SigningKey.generate()
KEY = SecretBox(nacl.utils.random(32))
TIME = {"now": NOW, "sure": True, "floor": LONG_AGO}
LATER = {**TIME, "now": NOW + dt.timedelta(minutes=1)}


def made(name: str = "Aida Osmonova", **changes):
    values = {"device": "box-1", "now": NOW, "lasts": dt.timedelta(hours=24)} | changes
    return make_appointment(name=name, **values)


def signed(appointment) -> bytes:
    return sign_appointment(appointment, signing_key=CENTRAL)


def take_in(book: Appointments, appointment, **changes):
    values = {"key": CENTRAL.verify_key, "device": "box-1", **TIME} | changes
    return book.take_in(signed(appointment), **values)


@pytest.fixture
def book(tmp_path: Path) -> Appointments:
    return Appointments(tmp_path, KEY)


def test_ok__it_comes_as_it_was_signed_and_the_code_is_nowhere_in_it() -> None:
    appointment, code = made(" Aida  Osmonova ")
    data = signed(appointment)
    assert read_appointment(data, key=CENTRAL.verify_key) == appointment
    assert (appointment.name, appointment.role) == ("Aida Osmonova", Role.SUPERVISOR)
    assert len(code) == CODE_LETTERS
    assert set(code) <= set(ALPHABET)
    assert code.encode() not in data
    assert spoken(code) == f"{code[:5]}-{code[5:]}"


def test_ok__however_a_person_writes_the_code() -> None:
    appointment, _ = made()
    appointment = msgspec.structs.replace(appointment, proof=prove("01AB1CD0EF"))
    for typed in ("01AB1CD0EF", "01AB1-CD0EF", " oiabl cdoef ", "O1ABICDOEF"):
        assert is_code(appointment, typed)
    for typed in ("", "01AB1CD0E", "01AB1CD0EG", "01AB1CD0EFF"):
        assert not is_code(appointment, typed)


def test_fail__codes_do_not_repeat() -> None:
    assert len({made()[1] for _ in range(5)}) == 5


@pytest.mark.parametrize("lasts", [dt.timedelta(0), dt.timedelta(hours=-1), MAX_TIME + dt.timedelta(hours=1)])
def test_fail__for_no_time_or_too_long(lasts) -> None:
    with pytest.raises(AppointmentError, match="14 days at most"):
        made(lasts=lasts)


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\x00b"])
def test_fail__a_name_that_nobody_has(name) -> None:
    with pytest.raises(AppointmentError, match="1 to 64"):
        made(name)


def test_fail__somebody_else_s_signature_or_another_kind_of_document() -> None:
    appointment, _ = made()
    stranger = sign_appointment(appointment, signing_key=SigningKey.generate())
    with pytest.raises(AppointmentError, match="not central's"):
        read_appointment(stranger, key=CENTRAL.verify_key)
    changed = bytearray(signed(appointment))
    changed[-70] ^= 1
    with pytest.raises(AppointmentError):
        read_appointment(bytes(changed), key=CENTRAL.verify_key)
    other = cose.sign1(b"\xa0", protected={cose.CONTENT_TYPE: "application/x"}, signing_key=CENTRAL)
    with pytest.raises(AppointmentError, match="no appointment of this version"):
        read_appointment(other, key=CENTRAL.verify_key)
    header = {cose.CONTENT_TYPE: CONTENT_TYPE, "v": 1, "dev": "box-1"}
    for payload in (cbor2.dumps([]), cbor2.dumps({"name": "A"}), b"\xff"):
        data = cose.sign1(payload, protected=header, signing_key=CENTRAL)
        with pytest.raises(AppointmentError):
            read_appointment(data, key=CENTRAL.verify_key)


@pytest.mark.parametrize(
    "changes",
    [
        {"role": Role.OFFICER},
        {"expires": NOW + MAX_TIME + dt.timedelta(seconds=1)},
        {"expires": NOW},
        {"expires": dt.datetime(2026, 11, 27)},  # noqa: DTZ001 - what is refused
        {"name": "two  blanks"},
        {"proof": b"$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"},
        {"proof": b"$argon2id$v=19$m=99999,t=2,p=1$c2FsdHNhbHQ$aGFzaA"},
        {"proof": b"$argon2id$v=19$m=32768,t=9,p=1$c2FsdHNhbHQ$aGFzaA"},
    ],
)
def test_fail__what_central_does_not_sign(changes) -> None:
    appointment = msgspec.structs.replace(made()[0], **changes)
    with pytest.raises(AppointmentError):
        read_appointment(signed(appointment), key=CENTRAL.verify_key)


def test_ok__kept_until_it_is_used_and_used_once(book: Appointments, tmp_path: Path) -> None:
    appointment, code = made()
    assert take_in(book, appointment) == appointment
    assert take_in(book, appointment) is None
    again = Appointments(tmp_path, KEY)
    assert again.waiting(**TIME) == (appointment,)
    assert again.check(appointment.name, code, **TIME) == appointment
    assert again.check(appointment.name, code, **TIME) == appointment, "good until it is spent"
    book.spend(appointment.serial)
    assert again.waiting(**TIME) == ()
    with pytest.raises(AppointmentError, match="spent"):
        take_in(again, appointment)
    with pytest.raises(AppointmentError, match="No appointment waits"):
        again.check(appointment.name, code, **TIME)


def test_fail__another_box_s(book: Appointments) -> None:
    with pytest.raises(AppointmentError, match="another box"):
        take_in(book, made()[0], device="box-2")


def test_fail__wrong_codes_lock_for_a_while(book: Appointments, tmp_path: Path) -> None:
    appointment, code = made()
    take_in(book, appointment)
    for _ in range(MAX_TRIES - 1):
        assert book.check(appointment.name, "0" * 10, **TIME) is None
    with pytest.raises(CodeLocked, match="15 minutes"):
        Appointments(tmp_path, KEY).check(appointment.name, "0" * 10, **TIME)
    take_in(book, appointment)  # the stick gives no new tries
    with pytest.raises(CodeLocked):
        book.check(appointment.name, code, **LATER)
    back = {**TIME, "now": NOW - dt.timedelta(minutes=4)}
    with pytest.raises(CodeLocked, match="15 minutes"):
        book.check(appointment.name, code, **back)
    after = {**TIME, "now": NOW + dt.timedelta(minutes=15)}
    assert book.check(appointment.name, code, **after) == appointment


def test_ok__on_an_unsure_clock_until_it_is_certainly_over(book: Appointments) -> None:
    appointment, _ = made()
    wrong_clock = {"now": dt.datetime(1970, 1, 1, tzinfo=dt.UTC), "sure": False, "floor": LONG_AGO}
    assert take_in(book, appointment, **wrong_clock) == appointment
    assert book.waiting(**{**wrong_clock, "floor": appointment.expires}) == ()
    assert book.waiting(**{**TIME, "now": appointment.expires}) == ()
    assert book.waiting(**{**TIME, "now": NOW - dt.timedelta(minutes=6)}) == ()
    assert book.waiting(**{**TIME, "now": NOW - dt.timedelta(minutes=4)}) == (appointment,)


def test_ok__the_newest_of_one_person_counts(book: Appointments) -> None:
    old, old_code = made()
    new, new_code = made(now=NOW + dt.timedelta(minutes=1))
    take_in(book, new, **LATER)
    with pytest.raises(AppointmentError, match="newer"):
        take_in(book, old, **LATER)
    with pytest.raises(AppointmentError, match="spent"):
        take_in(book, old, **LATER)
    assert book.check(new.name, old_code, **LATER) is None
    assert book.check(new.name, new_code, **LATER) == new


def test_fail__no_stick_fills_the_disk(book: Appointments, monkeypatch) -> None:
    monkeypatch.setattr(books, "MAX_WAITING", 3)
    for number in range(3):
        take_in(book, made(f"Officer {number}")[0])
    with pytest.raises(AppointmentError, match="3 appointments wait"):
        take_in(book, made("Officer 4")[0])
    later = {**TIME, "now": NOW + dt.timedelta(hours=25)}
    fresh, _ = made("Officer 4", now=NOW + dt.timedelta(hours=25))
    assert take_in(book, fresh, **later) == fresh, "those that are over make room"


def test_fail__a_damaged_file_is_said(book: Appointments, tmp_path: Path) -> None:
    (tmp_path / books.FILE).write_bytes(b"not ours")
    with pytest.raises(StorageBroken, match="The book of appointments is damaged"):
        book.waiting(**TIME)
