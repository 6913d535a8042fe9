"""The portrait in DG2: found in honest files, and every lie about it refused."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.errors import EmrtdError, LimitExceeded, Malformed, UnsupportedEncoding
from appliance.travel_document.lds.face_image import ImageKind, extract_face_image

JPEG = b"\xff\xd8\xff\xe0" + bytes(200) + b"\xff\xd9"
JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(200)
J2C = b"\xff\x4f\xff\x51" + bytes(200)


def record(
    image: bytes = JPEG,
    *,
    form: bytes = b"FAC\0",
    points: int = 0,
    stated_points: int | None = None,
    faces: int = 1,
    extra_length: int = 0,
    extra_block: int = 0,
) -> bytes:
    count = points if stated_points is None else stated_points
    block = struct.pack(">IH", 32 + 8 * points + len(image) + extra_block, count) + bytes(14)
    body = block + bytes(8 * points) + struct.pack(">2B2H6x", 1, 0, 240, 320) + image
    return struct.pack(">4s4sIH", form, b"010\0", 14 + len(body) + extra_length, faces) + body


def dg2(*records: bytes, tag: int = 0x5F2E) -> bytes:
    templates = b"".join(
        tlv.encode(0x7F60, tlv.encode(0xA1, b"\x81\x01\x02") + tlv.encode(tag, content))
        for content in records
    )
    return tlv.encode(0x75, tlv.encode(0x7F61, bytes((2, 1, len(records))) + templates))


@pytest.mark.parametrize(
    ("image", "kind"),
    [(JPEG, ImageKind.JPEG), (JP2, ImageKind.JPEG2000), (J2C, ImageKind.JPEG2000_CODESTREAM)],
)
def test_ok__each_kind(image: bytes, kind: ImageKind):
    face = extract_face_image(dg2(record(image)))
    assert (face.content, face.kind) == (image, kind)
    assert (face.stated_width, face.stated_height, face.faces) == (240, 320, 1)


def test_ok__feature_points_are_passed_over():
    assert extract_face_image(dg2(record(points=3))).content == JPEG


def test_ok__first_of_several():
    face = extract_face_image(dg2(record(JP2), record(JPEG)))
    assert (face.kind, face.faces) == (ImageKind.JPEG2000, 2)


def test_ok__repr_shows_no_picture():
    assert "xff" not in repr(extract_face_image(dg2(record())))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        tlv.encode(0x61, b""),
        tlv.encode(0x75, b""),
        dg2(),  # no face
        tlv.encode(0x75, tlv.encode(0x7F61, tlv.encode(0x7F60, b"\x02\x01\x01"))),  # no data
        dg2(b""),
        dg2(record()[:20]),
        dg2(record()[:-1]),
        dg2(record(extra_length=1)),
        dg2(record(extra_block=1)),
        dg2(record(extra_block=0x7FFFFFFF)),
        dg2(record(faces=0)),
        dg2(record(stated_points=200)),  # they would reach beyond the end
        dg2(record(b"\xff\xd8\xff")),  # no room for a picture
        dg2(record(b"GIF89a" + bytes(200))),
    ],
)
def test_fail__malformed(content: bytes):
    with pytest.raises(Malformed):
        extract_face_image(content)


@pytest.mark.parametrize("content", [dg2(record(stated_points=65_535)), dg2(*[record(b"")] * 17)])
def test_fail__too_much(content: bytes):
    with pytest.raises(LimitExceeded):
        extract_face_image(content)


@pytest.mark.parametrize("content", [dg2(record(form=b"FIR\0"))])
def test_fail__another_encoding(content: bytes):
    with pytest.raises(UnsupportedEncoding):
        extract_face_image(content)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_fail__arbitrary_files(content: bytes):
    with pytest.raises(EmrtdError):
        extract_face_image(content)


@settings(deadline=None)
@given(st.data())
def test_ok__altered_files_give_a_face_or_a_typed_error(data: st.DataObject):
    content = bytearray(dg2(record(points=1)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 100))] = data.draw(st.integers(0, 255))
    try:
        face = extract_face_image(bytes(content))
    except EmrtdError:
        return
    assert len(face.content) <= len(content)


@settings(deadline=None)
@given(st.binary(max_size=120))
def test_ok__any_record_gives_a_face_or_a_typed_error(body: bytes):
    header = struct.pack(">4s4sIH", b"FAC\0", b"010\0", 14 + len(body), 1)
    try:
        extract_face_image(dg2(header + body))
    except EmrtdError:
        return


def block(image: bytes = JPEG, *, wrapped: bool = True, size: bool = True, drop: int = 0) -> bytes:
    """A FaceImageDataBlock (ISO/IEC 39794-5) of one representation; `drop` leaves one of its levels out."""
    information = tlv.encode(0xA0, b"\x80\x01\x02")
    if size:
        information += tlv.encode(0xA7, tlv.encode(0x80, b"\x01\x00") + tlv.encode(0x81, b"\x01\x40"))
    flat = tlv.encode(0x80, image) + tlv.encode(0xA1, information)
    for level, tag in enumerate((0xA0, 0xA0, 0xA1), start=1):
        if level != drop:
            flat = tlv.encode(tag, flat)
    representation = tlv.encode(0x30, b"\x80\x01\x00" + flat)
    version = tlv.encode(0xA0, b"\x80\x01\x03\x81\x02\x07\xe3")
    made = tlv.encode(0x65, version + tlv.encode(0xA1, representation if drop != 4 else b""))
    return tlv.encode(0xA1, made) if wrapped else made


@pytest.mark.parametrize("wrapped", [True, False])
def test_ok__the_newer_encoding(wrapped: bool):
    face = extract_face_image(dg2(block(JP2, wrapped=wrapped), tag=0x7F2E))
    assert (face.content, face.kind) == (JP2, ImageKind.JPEG2000)
    assert (face.stated_width, face.stated_height, face.faces) == (256, 320, 1)


def test_ok__the_newer_encoding_may_leave_the_size_out():
    face = extract_face_image(dg2(block(size=False), tag=0x7F2E))
    assert (face.stated_width, face.stated_height) == (0, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xa1\x02\x80\x00",
        block()[:-1],
        block(b"\xff\xd8\xff"),
        block(b"GIF89a" + bytes(200)),
        *[block(drop=level) for level in (1, 2, 3, 4)],
    ],
)
def test_fail__the_newer_encoding_malformed(content: bytes):
    with pytest.raises(Malformed):
        extract_face_image(dg2(content, tag=0x7F2E))


@settings(deadline=None)
@given(st.data())
def test_ok__altered_newer_files_give_a_face_or_a_typed_error(data: st.DataObject):
    content = bytearray(dg2(block(), tag=0x7F2E))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 90))] = data.draw(st.integers(0, 255))
    try:
        face = extract_face_image(bytes(content))
    except EmrtdError:
        return
    assert len(face.content) <= len(content)
