"""The parsers of what comes over the wire, for the fuzzer: by strangers, and signed by a stolen key."""

import datetime as dt
import hashlib
from collections.abc import Callable

import cbor2
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey

from appliance import cbor, cose
from appliance.contracts import wire
from appliance.contracts.movement import Stamp
from appliance.records import commands
from appliance.records import envelope as envelopes
from appliance.records import manifest as manifests
from appliance.records import watermark as watermarks
from appliance.records.errors import RecordsError

ERRORS = (RecordsError, cose.CoseError, wire.WireError)
KEY = SigningKey(bytes(range(32)))
CENTRAL = PrivateKey(bytes(range(32, 64)))
OWN = bytes(range(64, 96))
STAMP = Stamp(boot_id="boot", monotonic_ns=7, wall="2026-11-02T08:00:00.000+00:00", quality="rtc")
NOW = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
WRAPPED = SealedBox(CENTRAL.public_key).encrypt(OWN)


def known(_kid: bytes) -> object:
    return KEY.verify_key


def cose_message(data: bytes) -> None:
    cose.attachments_of(data)
    cose.protected_bytes(data)
    cose.verify1(data, verify_key_for=known, max_bytes=1 << 20, attachments=frozenset(("body", "key")))  # type: ignore[arg-type]


def envelope(data: bytes) -> None:
    """The header's bytes as a stolen box may sign them."""
    named = _header(data)
    if named is None:
        cose_message(data)
        return
    signed = cose.sign1(
        b"", protected=named, signing_key=KEY, attachments={"body": data[:64], "key": WRAPPED}
    )
    envelopes.open_(envelopes.verify(signed, verify_key_for=known), private_key=CENTRAL)  # type: ignore[arg-type]


def body(data: bytes) -> None:
    """What a stolen box may have sealed."""
    sealed = bytes(SecretBox(OWN).encrypt(data, bytes(24)))
    named = dict(cbor2.loads(cose.protected_bytes(_record())))
    named |= {"hash": hashlib.sha256(sealed).digest(), "kh": hashlib.sha256(WRAPPED).digest()}
    signed = cose.sign1(b"", protected=named, signing_key=KEY, attachments={"body": sealed, "key": WRAPPED})
    envelopes.open_(envelopes.verify(signed, verify_key_for=known), private_key=CENTRAL)  # type: ignore[arg-type]


def watermark(data: bytes) -> None:
    _signed(data, b"", watermarks.read_watermark)


def gaps(data: bytes) -> None:
    named = {
        cose.CONTENT_TYPE: watermarks.CONTENT_TYPE,
        "dev": "d",
        "epoch": "e",
        "seq": 1,
        "chain": bytes(32),
        "iat": "t",
        "gaps": data[:600],
    }
    watermarks.read_watermark(cose.sign1(b"", protected=named, signing_key=KEY), verify_key_for=known)  # type: ignore[arg-type]


def command(data: bytes) -> None:
    commands.read_message(data)
    _signed(data, cbor2.dumps({"kind": "rate", "records_per_second": None}), commands.read_command)


def order(data: bytes) -> None:
    named = {cose.CONTENT_TYPE: commands.CONTENT_TYPE, "v": 1, "dev": "d", "ctr": 1, "role": "operator",
             "iat": NOW.isoformat(), "exp": NOW.isoformat()}  # fmt: skip
    commands.read_command(cose.sign1(data, protected=named, signing_key=KEY), verify_key_for=known)  # type: ignore[arg-type]


def manifest(data: bytes) -> None:
    _signed(data, b"\x80", manifests.read_manifest)


def keys(data: bytes) -> None:
    named = {
        cose.CONTENT_TYPE: manifests.CONTENT_TYPE,
        "v": 1,
        "own": "central",
        "ver": 1,
        "iat": NOW.isoformat(),
    }
    manifests.read_manifest(cose.sign1(data, protected=named, signing_key=KEY), verify_key_for=known)  # type: ignore[arg-type]


def batch(data: bytes) -> None:
    wire.unpack(data)


def _signed(data: bytes, payload: bytes, read: Callable[..., object]) -> None:
    """The bytes as they are, and as a header that the right key has signed."""
    named = _header(data)
    message = data if named is None else cose.sign1(payload, protected=named, signing_key=KEY)
    read(message, verify_key_for=known)


def _header(data: bytes) -> dict[int | str, int | str | bytes] | None:
    """As much of the bytes as can be signed as a header at all."""
    try:
        named = cbor.loads(data)
        if not isinstance(named, dict):
            return None
        cose.sign1(b"", protected=named, signing_key=KEY)
    except (
        cbor2.CBORError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        MemoryError,
        AttributeError,
    ):
        return None
    return dict(named)


def _record() -> bytes:
    return envelopes.seal(
        record_type="t", body={"n": 1}, device="box-1", epoch="e", seq=1, prev=envelopes.GENESIS, stamp=STAMP,
        signing_key=KEY, recipient=CENTRAL.public_key,
    )[0]  # fmt: skip


def _command() -> bytes:
    rights = commands.Rights(request="r", purpose="p", action=commands.Action.ERASE, epoch="e", seqs=(1, 2))
    made = commands.Command(device="d", counter=5, issued_at=NOW, expires_at=NOW, order=rights)
    return commands.sign_command(made, signing_key=KEY)


def _watermark() -> bytes:
    mark = watermarks.Watermark(
        device="d", epoch="e", seq=1, chain=bytes(32), issued_at="t", gaps=((5, 6), (9, 9))
    )
    return watermarks.sign_watermark(mark, signing_key=KEY)


def _manifest() -> bytes:
    key = manifests.Key(
        use=manifests.Use.SEALING, public=bytes(32), not_before=NOW, not_after=NOW + dt.timedelta(1)
    )
    made = manifests.Manifest(owner="central", version=1, issued_at=NOW, keys=(key,))
    return manifests.sign_manifest(made, signing_key=KEY)


def _payload(message: bytes) -> bytes:
    return bytes(cbor2.loads(message).value[2])


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "cose": lambda: [_record(), _command(), _watermark(), envelopes.without_key(_record())],
    "envelope": lambda: [cose.protected_bytes(_record()), _record()],
    "body": lambda: [
        cbor2.dumps({"dev": "box-1", "epoch": "e", "seq": 1, "type": "t", "body": {"n": 1}}),
        b"\x81" * 99,
    ],
    "watermark": lambda: [_watermark(), cose.protected_bytes(_watermark())],
    "gaps": lambda: [cbor2.dumps([5, 6, 9, 9]), cbor2.dumps([2**52, 2**53])],
    "command": lambda: [_command(), cose.protected_bytes(_command()), commands.pack_commands([_command()])],
    "order": lambda: [_payload(_command()), cbor2.dumps({"kind": "resync", "epoch": "e", "from_seq": 1})],
    "manifest": lambda: [_manifest(), cose.protected_bytes(_manifest())],
    "keys": lambda: [_payload(_manifest())],
    "batch": lambda: [wire.pack([_record(), b"x"])],
}
