"""The chip's files: built so that readers read them, loaded by what they are and not how they are called."""

import io
from pathlib import Path

import pytest
from PIL import Image

from appliance.simulation.chip.files import (
    UnusableFiles,
    build_com,
    build_dg1,
    build_files,
    load_folder,
    mrz_information,
    mrz_information_of,
)
from appliance.travel_document.lds import tlv
from appliance.travel_document.lds.face_image import ImageKind, extract_face_image

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")


def picture(form: str = "JPEG", size: tuple[int, int] = (120, 160)) -> bytes:
    written = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(written, form)
    return written.getvalue()


def test_ok__built_files():
    files = build_files(mrz_lines=TD3, picture=picture())
    assert files["COM"].hex().upper() == "60145F0104303130375F36063034303030305C026175"
    assert files["DG1"] == bytes.fromhex("615B5F1F58") + "".join(TD3).encode()
    assert tlv.decode_one(files["SOD"], 0x77).children()


@pytest.mark.parametrize(("form", "kind"), [("JPEG", ImageKind.JPEG), ("JPEG2000", ImageKind.JPEG2000)])
def test_ok__portrait_comes_back(form: str, kind: ImageKind):
    face = extract_face_image(build_files(mrz_lines=TD3, picture=picture(form))["DG2"])
    assert (face.content, face.kind) == (picture(form), kind)
    assert (face.stated_width, face.stated_height) == (120, 160)


@pytest.mark.parametrize(
    ("lines", "information"),
    [
        (TD3, "L898902C3674081221204159"),
        (TD2, "D23145890774081221204159"),
        (TD1, "D23145890774081221204159"),
        # Doc 9303-5: numbers of more than nine characters go on in the optional data
        (("I<UTOD23145890<7349<<<<<<<<<<<", TD1[1], TD1[2]), "D23145890734974081221204159"),
        (
            ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D23145890<UTO7408122F12041597349<<<6"),
            "D23145890734974081221204159",
        ),
    ],
)
def test_ok__what_opens_the_chip(lines: tuple[str, ...], information: str):
    assert mrz_information("".join(lines)) == information
    assert mrz_information_of({"DG1": build_dg1(lines)}) == information


def test_fail__no_mrz():
    with pytest.raises(UnusableFiles):
        build_dg1(["P<UTO"])


@pytest.mark.parametrize("dg1", ["", "6100", "61045F1F0141", "61045F1F01FF"])
def test_fail__dg1_without_mrz(dg1: str):
    with pytest.raises(UnusableFiles):
        mrz_information_of({"DG1": bytes.fromhex(dg1)})


@pytest.mark.parametrize("content", [b"", b"no picture", picture("PNG")])
def test_fail__no_portrait(content: bytes):
    with pytest.raises(UnusableFiles):
        build_files(mrz_lines=TD3, picture=content)


def test_fail__portrait_too_large():
    with pytest.raises(UnusableFiles):
        build_files(mrz_lines=TD3, picture=picture() + bytes(65_000))


def test_ok__folder_is_known_by_tags(tmp_path: Path):
    files = build_files(mrz_lines=TD3, picture=picture())
    for number, content in enumerate(files.values()):
        (tmp_path / f"file{number}.bin").write_bytes(content)
    (tmp_path / "card").write_bytes(bytes.fromhex("31143012060A04007F0007020204020202010202010D"))
    (tmp_path / "README.txt").write_text("a note")
    (tmp_path / "looks like DG1").write_bytes(b"a text that begins with the tag of DG1")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(b"\x75" + bytes(70_000))
    (tmp_path / "folder").mkdir()
    assert set(load_folder(tmp_path)) == {*files, "CardAccess"}
    assert {name: load_folder(tmp_path)[name] for name in files} == files


def test_fail__folder_without_dg1(tmp_path: Path):
    (tmp_path / "com").write_bytes(build_com({}))
    with pytest.raises(UnusableFiles, match="DG1"):
        load_folder(tmp_path)


def test_fail__folder_with_two_of_a_kind(tmp_path: Path):
    (tmp_path / "a").write_bytes(build_dg1(TD3))
    (tmp_path / "b").write_bytes(build_dg1(TD2))
    with pytest.raises(UnusableFiles, match="two"):
        load_folder(tmp_path)


def test_fail__no_folder(tmp_path: Path):
    with pytest.raises(UnusableFiles, match="cannot be read"):
        load_folder(tmp_path / "nowhere")
