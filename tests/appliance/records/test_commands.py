import datetime as dt

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey
from records_common import CENTRAL_OPERATOR, NOW, order_of

from appliance import cose
from appliance.records import commands
from appliance.records.commands import (
    CONTENT_TYPE,
    Action,
    Command,
    Rate,
    Resync,
    Rights,
    pack_commands,
    read_command,
    read_message,
)
from appliance.records.errors import CommandError

RIGHTS = Rights(request="R-7", purpose="subject_access", action=Action.FIND, epoch="e", seqs=(3, 1))
PLAIN = {"kind": "rights", "request": "r", "purpose": "p", "action": "find", "epoch": "e", "seqs": [1]}
ORDERS = (Resync(epoch="e", from_seq=5), Rate(records_per_second=2.5), Rate(records_per_second=None), RIGHTS)


def read(data: bytes) -> Command:
    return read_command(data, verify_key_for=lambda _: CENTRAL_OPERATOR.verify_key)


FASTEST = cbor2.dumps({"kind": "rate", "records_per_second": None})


def signed(payload: bytes = FASTEST, *, content_type: str = CONTENT_TYPE, **changes: object) -> bytes:
    named = {
        cose.CONTENT_TYPE: content_type, "v": 1, "dev": "box-1", "ctr": 1, "role": "operator",
        "iat": NOW.isoformat(), "exp": NOW.isoformat(),
    } | changes  # fmt: skip
    named = {label: value for label, value in named.items() if value is not None}
    return cose.sign1(payload, protected=named, signing_key=CENTRAL_OPERATOR)


@pytest.mark.parametrize("order", ORDERS)
def test_ok__round_trip(order: commands.Order) -> None:
    command = read(order_of(order, 8))
    assert command.order == order
    assert (command.device, command.counter, command.issued_at) == ("box-1", 8, NOW)
    assert command.expires_at == NOW + dt.timedelta(days=1)


def test_ok__labels_of_a_later_version_are_passed_over() -> None:
    assert read(signed(later=7)).order == Rate(records_per_second=None)
    assert read(
        signed(cbor2.dumps({"kind": "resync", "epoch": "e", "from_seq": 1, "later": 7}))
    ).order == Resync(epoch="e", from_seq=1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"content_type": "application/vnd.borne.watermark"}, "no command of this version"),
        ({"v": 2}, "no command of this version"),
        ({"role": "watermark"}, "operator's role"),
        ({"role": None}, "operator's role"),
        ({"ctr": "1"}, "none that this box knows"),
        ({"exp": None}, "none that this box knows"),
        ({"iat": "yesterday"}, "none that this box knows"),
        ({"iat": "2026-11-02T10:00:00"}, "without a time zone"),
        ({"ctr": 0}, "number out of range"),
        ({"ctr": 2**53}, "number out of range"),
        ({"dev": ""}, "text that central does not write"),
        ({"dev": "a\nb"}, "text that central does not write"),
    ],
)
def test_fail__header(changes: dict[str, object], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        read(signed(**changes))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"kind": "reboot"}, "none that this box knows"),
        ({"kind": "rate", "records_per_second": 0.0}, "rate that no box can keep"),
        ({"kind": "rate", "records_per_second": 1e9}, "rate that no box can keep"),
        ({"kind": "rate", "records_per_second": float("nan")}, "rate that no box can keep"),
        ({"kind": "resync", "epoch": "e", "from_seq": 0}, "number out of range"),
        ({"kind": "resync", "epoch": "e" * 201, "from_seq": 1}, "text that central does not write"),
        (PLAIN | {"seqs": []}, "no record"),
        (
            PLAIN | {"seqs": [1] * 4097},
            "no record, or more",
        ),
        (PLAIN | {"action": "sell"}, "none that"),
        ([1], "none that this box knows"),
    ],
)  # fmt: skip
def test_fail__order(order: object, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        read(signed(cbor2.dumps(order)))


def test_fail__another_signer() -> None:
    with pytest.raises(CommandError, match="signature"):
        read(order_of(ORDERS[0], key=SigningKey(bytes(32))))


@given(st.binary(max_size=200))
def test_fail__any_bytes(data: bytes) -> None:
    with pytest.raises(CommandError):
        read(data)


@given(st.binary(max_size=200))
def test_fail__a_signed_payload_of_any_bytes(data: bytes) -> None:
    try:
        read(signed(data))
    except CommandError:
        return


def test_ok__one_alone_and_many() -> None:
    one, two = order_of(ORDERS[0]), order_of(ORDERS[1], 2)
    assert read_message(one) == [one]
    assert read_message(pack_commands([one, two])) == [one, two]
    assert read_message(pack_commands([])) == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"", "not CBOR"),
        (b"\x81" * 100_000, "not CBOR"),
        (cbor2.dumps({}), "no list"),
        (cbor2.dumps([b""] * 65), "no list"),
        (cbor2.dumps([1]), "no command"),
        (bytes(commands.MAX_MESSAGE_BYTES + 1), "larger"),
    ],
)
def test_fail__message(message: bytes, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        read_message(message)


@given(st.binary(max_size=200))
def test_fail__a_message_of_any_bytes(message: bytes) -> None:
    try:
        read_message(message)
    except CommandError:
        return
