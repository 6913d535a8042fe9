from datetime import UTC, datetime

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from appliance import cose
from appliance.reference_data import package as subject
from appliance.reference_data.package import (
    CONTENT_TYPE,
    Package,
    PackageType,
    Reason,
    Refused,
    open_package,
    sign_package,
)

SIGNER, OTHER_SIGNER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
BOX, OTHER_BOX = PrivateKey(bytes(range(32))), PrivateKey(bytes(range(1, 33)))
PACKAGE = Package(
    type=PackageType.WATCHLIST,
    name="persons",
    version=7,
    issued_at=datetime(2027, 3, 1, tzinfo=UTC),
    expires_at=datetime(2027, 4, 1, tzinfo=UTC),
    content=b"the list in the clear",
)


def known(kid: bytes) -> VerifyKey | None:
    return SIGNER.verify_key if kid == cose.key_id(SIGNER.verify_key) else None


def take(data: bytes, box: PrivateKey = BOX) -> Package:
    return open_package(data, verify_key_for=known, private_key=box)


def refused(data: bytes, box: PrivateKey = BOX) -> Reason:
    with pytest.raises(Refused) as caught:
        take(data, box)
    assert caught.value.sentence.endswith(".")
    return caught.value.reason


def sealed(**changes: object) -> bytes:
    """A package put together by hand, rightly signed, with some fields changed."""
    key = bytes(32)
    fields: dict[str, object] = {
        "type": "watchlist",
        "name": "persons",
        "version": 7,
        "issued_at": "2027-03-01T00:00:00Z",
        "expires_at": "2027-04-01T00:00:00Z",
        "content": bytes(SecretBox(key).encrypt(b"x")),
        "content_sha256": bytes.fromhex("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
        "recipients": {cose.key_id(BOX.public_key): SealedBox(BOX.public_key).encrypt(key)},
    }
    payload = cbor2.dumps({name: value for name, value in (fields | changes).items() if value is not None})
    return cose.sign1(payload, protected={cose.CONTENT_TYPE: CONTENT_TYPE}, signing_key=SIGNER)


def test_ok__round_trip() -> None:
    data = sign_package(PACKAGE, signing_key=SIGNER, recipients=[BOX.public_key, OTHER_BOX.public_key])
    assert take(data) == PACKAGE
    assert take(data, OTHER_BOX) == PACKAGE
    assert PACKAGE.content not in data
    assert take(sealed()).content == b"x"


def test_fail__signature() -> None:
    data = sign_package(PACKAGE, signing_key=OTHER_SIGNER, recipients=[BOX.public_key])
    assert refused(data) is Reason.UNKNOWN_SIGNER
    good = bytearray(sign_package(PACKAGE, signing_key=SIGNER, recipients=[BOX.public_key]))
    good[-1] ^= 1
    assert refused(bytes(good)) is Reason.BAD_SIGNATURE
    assert refused(bytes(good[:-1])) is Reason.NOT_SIGNED
    assert refused(b"") is Reason.NOT_SIGNED


def test_fail__not_for_this_box() -> None:
    data = sign_package(PACKAGE, signing_key=SIGNER, recipients=[OTHER_BOX.public_key])
    assert refused(data) is Reason.NOT_FOR_THIS_BOX


def test_fail__too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sign_package(PACKAGE, signing_key=SIGNER, recipients=[BOX.public_key])
    monkeypatch.setattr(subject, "MAX_PACKAGE_BYTES", len(data) - 1)
    assert refused(data) is Reason.TOO_LARGE


def test_fail__another_kind_of_signed_thing() -> None:
    watermark = cose.sign1(b"\xa0", protected={cose.CONTENT_TYPE: "other"}, signing_key=SIGNER)
    assert refused(watermark) is Reason.MALFORMED
    assert refused(cose.sign1(b"\xa0", protected={}, signing_key=SIGNER)) is Reason.MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "firmware"},
        {"name": "../../etc/passwd"},
        {"name": "persons\n"},
        {"name": ""},
        {"version": 0},
        {"version": 2**60},
        {"version": "7"},
        {"issued_at": "2027-03-01T00:00:00"},
        {"expires_at": None},
        {"recipients": {1: b""}},
        {"content": "text"},
        {"more": 1},
    ],
)
def test_fail__malformed(changes: dict) -> None:
    assert refused(sealed(**changes)) is Reason.MALFORMED


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x81" * 5000, b"\xc1\x61x", b"\x05"])
def test_fail__not_cbor(payload: bytes) -> None:
    data = cose.sign1(payload, protected={cose.CONTENT_TYPE: CONTENT_TYPE}, signing_key=SIGNER)
    assert refused(data) is Reason.MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"content": b""},
        {"content": bytes(60)},
        {"content_sha256": bytes(32)},
        {"recipients": {cose.key_id(BOX.public_key): b""}},
        {"recipients": {cose.key_id(BOX.public_key): SealedBox(BOX.public_key).encrypt(b"short")}},
    ],
)
def test_fail__damaged(changes: dict) -> None:
    assert refused(sealed(**changes)) is Reason.DAMAGED


def test_fail__sign_refuses_what_open_would(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="one box at least"):
        sign_package(PACKAGE, signing_key=SIGNER, recipients=[])
    with pytest.raises(ValueError, match="Not a package"):
        sign_package(
            msgspec.structs.replace(PACKAGE, name="A B"), signing_key=SIGNER, recipients=[BOX.public_key]
        )
    monkeypatch.setattr(subject, "MAX_CONTENT_BYTES", 5)
    with pytest.raises(ValueError, match="above 5 bytes"):
        sign_package(PACKAGE, signing_key=SIGNER, recipients=[BOX.public_key])


@given(st.binary(max_size=200))
def test_fail__signed_garbage_is_refused(payload: bytes) -> None:
    data = cose.sign1(payload, protected={cose.CONTENT_TYPE: CONTENT_TYPE}, signing_key=SIGNER)
    assert refused(data) is Reason.MALFORMED
