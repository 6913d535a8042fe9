import contextlib
import io

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PublicKey, SealedBox
from tests_reference import BOX, NOW, OTHER_BOX

from appliance import cose
from appliance.reference_data import sealed
from appliance.reference_data.errors import Reason, Refused
from appliance.reference_data.sealed import MAGIC, ContentType, Description, SealedFile, seal

ABOUT = Description(
    type=ContentType.WATCHLIST, name="persons", version=3, kind="persons", issued_at=NOW, expires_at=NOW
)


def made(content: bytes, **changes: object) -> bytes:
    target = io.BytesIO()
    named = {"size": len(content), "description": ABOUT, "recipients": [BOX.public_key]} | changes
    seal(target, io.BytesIO(content), **named)
    return target.getvalue()


def opened(data: bytes, key=BOX) -> SealedFile:
    return SealedFile(io.BytesIO(data), key)


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
def test_ok__comes_back(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(sealed, "PIECE_BYTES", 100)
    content = bytes(range(256)) * 4
    data = made(content[:size], recipients=[BOX.public_key, OTHER_BOX.public_key], index_key=b"k" * 32)
    for key in (BOX, OTHER_BOX):
        file = opened(data, key)
        assert (file.description, file.size, file.index_key()) == (ABOUT, size, b"k" * 32)
        assert file.content(limit=1000) == content[:size]
    assert opened(made(b"")).index_key() == b""


def test_fail__whoever_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as caught:
        opened(made(b"x", recipients=[OTHER_BOX.public_key]))
    assert caught.value.reason is Reason.NOT_FOR_THIS_BOX


def test_fail__cut_short_longer_or_turned_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "PIECE_BYTES", 100)
    data = made(bytes(250))
    head = 12 + int.from_bytes(data[8:12], "big")
    a, b, c = data[head : head + 116], data[head + 116 : head + 232], data[head + 232 :]
    for bad in (data[:-1], data + b"x", data[:head] + b + a + c, data[:head] + a + c, data[:head]):
        with pytest.raises(Refused) as caught:
            opened(bad).content(limit=1000)
        assert caught.value.reason is Reason.DAMAGED


def test_fail__too_large() -> None:
    with pytest.raises(Refused) as caught:
        opened(made(bytes(50))).content(limit=49)
    assert caught.value.reason is Reason.TOO_LARGE


def test_fail__headers() -> None:
    good = made(b"x")
    length = int.from_bytes(good[8:12], "big")
    header = cbor2.loads(good[12 : 12 + length])

    def with_(**changes: object) -> bytes:
        encoded = cbor2.dumps(header | changes, canonical=True)
        return MAGIC + len(encoded).to_bytes(4, "big") + encoded + good[12 + length :]

    own = cose.key_id(BOX.public_key)
    for bad in (
        b"",
        good[:11],
        good[:40],
        MAGIC + b"\xff\xff\xff\xff",
        MAGIC + b"\x00\x00\x00\x01\xff",
        with_(size=-1),
        with_(nonce=b"short"),
        with_(recipients={}),
        with_(extra=1),
        with_(description=header["description"] | {"name": "../x"}),
        with_(recipients={own: b"rubbish"}),
        with_(recipients={own: bytes(SealedBox(BOX.public_key).encrypt(b"short"))}),
    ):
        with pytest.raises(Refused):
            opened(bad)
    with pytest.raises(Refused):
        opened(with_(index_key=b"rubbish" * 9)).index_key()


def test_fail__nothing_to_seal_for() -> None:
    import msgspec

    with pytest.raises(ValueError, match="boxes"):
        made(b"x", recipients=[])
    with pytest.raises(ValueError, match="description"):
        made(b"x", description=msgspec.structs.replace(ABOUT, name="../x"))


def test_fail__more_boxes_than_a_header_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "MAX_HEADER_BYTES", 100)
    with pytest.raises(ValueError, match="longer"):
        made(b"x", recipients=[PublicKey(bytes([1]) * 32)])


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_ok__anything_is_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        opened(data).content(limit=1000)
    with contextlib.suppress(Refused):
        opened(MAGIC + len(data).to_bytes(4, "big") + data).content(limit=1000)
