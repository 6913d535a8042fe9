"""Cards are files here; what is refused before a byte is written, and a card that lies when read back."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from appliance import cli
from appliance.commands import flash
from appliance.commands.output import CouldNot
from appliance.contracts.release import MANIFEST_TYPE, Manifest
from appliance.cose import CONTENT_TYPE, sign1
from appliance.key_files import write_key

SIZE = 5 * 1024 * 1024 + 512
DEVICE = """
[box]
device = "post-7"
post = "North"
[claim]
token = "{token}"
central_key = "{key}"
""".format(token="A" * 32, key="00" * 32)


class Desk:
    """A technician's desk: a signed image, a card, and the key of whoever signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image, self.card, self.key = folder / "borne.img", folder / "card", folder / "release.pub"
        self.image.write_bytes(bytes(range(256)) * (SIZE // 256))
        self.card.write_bytes(b"old")
        self.signer = SigningKey.generate()
        write_key(self.key, self.signer.verify_key)
        self.sign()

    def sign(self, *, signer: SigningKey | None = None, kind: str = MANIFEST_TYPE, **changes: object) -> None:
        import hashlib

        values = {
            "board": "pi4-bookworm",
            "version": "1.0",
            "sha256": hashlib.sha256(self.image.read_bytes()).hexdigest(),
            "size": self.image.stat().st_size,
            "config_offset": 1024 * 1024,
        } | changes
        data = sign1(
            msgspec.json.encode(values), protected={CONTENT_TYPE: kind}, signing_key=signer or self.signer
        )
        Path(f"{self.image}.manifest").write_bytes(data)

    def flash(self, *more: str) -> int:
        return cli.main(["flash", str(self.image), str(self.card), "--key", str(self.key), "--yes", *more])


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path)


def test_ok_written_and_read_back(desk, capsys) -> None:
    assert desk.flash("--json") == 0
    assert json.loads(capsys.readouterr().out) == {"written": True, "board": "pi4-bookworm", "version": "1.0"}
    assert desk.card.read_bytes() == desk.image.read_bytes()


def test_ok_said_to_a_person(desk, capsys) -> None:
    assert desk.flash() == 0
    assert "written and read back" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("mcopy") is None, reason="mtools is not installed")
def test_ok_the_post_s_file_is_on_the_card(desk) -> None:
    with desk.image.open("r+b") as image:
        image.truncate(20 * 1024 * 1024)
    fat = desk.folder / "fat"
    fat.write_bytes(bytes(16 * 1024 * 1024))
    subprocess.run(["mformat", "-i", str(fat), "::"], check=True)
    with desk.image.open("r+b") as image:
        image.seek(1024 * 1024)
        image.write(fat.read_bytes())
    desk.sign()
    (desk.folder / "post.toml").write_text(DEVICE)
    assert desk.flash("--device", str(desk.folder / "post.toml")) == 0
    said = subprocess.check_output(["mtype", "-i", f"{desk.card}@@1048576", "::device.toml"], text=True)
    assert said == DEVICE


def test_fail_a_card_that_gives_back_something_else(desk, capsys, monkeypatch) -> None:
    real = flash._hash
    calls = []

    def lying(file, size, told):
        calls.append(file.name)
        return real(file, size, told) if len(calls) == 1 else "0" * 64

    monkeypatch.setattr(flash, "_hash", lying)
    assert desk.flash() == 1
    assert "must not be used" in capsys.readouterr().out


def test_fail_a_damaged_image_is_not_written(desk, capsys) -> None:
    data = bytearray(desk.image.read_bytes())
    data[1000] ^= 1
    desk.image.write_bytes(data)
    assert desk.flash() == 2
    assert "damaged" in capsys.readouterr().err
    assert desk.card.read_bytes() == b"old"


def test_fail_somebody_else_signed(desk, capsys) -> None:
    desk.sign(signer=SigningKey.generate())
    assert desk.flash() == 2
    assert "is not signed by release.pub" in capsys.readouterr().err
    assert desk.card.read_bytes() == b"old"


@pytest.mark.parametrize(
    "change",
    [{"kind": "application/vnd.borne.answer+json"}, {"size": 1}, {"sha256": "x"}, {"more": 1}],
)
def test_fail_something_else_that_was_signed(desk, capsys, change) -> None:
    desk.sign(**change)
    assert desk.flash() == 2
    assert "is no manifest of an image" in capsys.readouterr().err


def test_fail_no_manifest_no_key_no_card(desk, capsys) -> None:
    Path(f"{desk.image}.manifest").unlink()
    assert desk.flash() == 2
    desk.sign()
    desk.key.write_text("nonsense")
    assert desk.flash() == 2
    assert capsys.readouterr().err.count("\n") == 2
    with pytest.raises(CouldNot):
        flash.check_card(desk.folder / "gone", 1)
    with pytest.raises(CouldNot, match="neither"):
        flash.check_card(Path("/dev/null"), 1)


def test_fail_a_post_s_file_that_the_box_would_refuse(desk, capsys) -> None:
    (desk.folder / "post.toml").write_text(DEVICE.replace("token", "tokn"))
    assert desk.flash("--device", str(desk.folder / "post.toml")) == 2
    assert "unknown key `tokn`" in capsys.readouterr().err
    assert desk.card.read_bytes() == b"old"


def test_fail_mtools_missing_or_no_partition(desk, monkeypatch, capsys) -> None:
    (desk.folder / "post.toml").write_text(DEVICE)
    if shutil.which("mcopy") is not None:
        assert desk.flash("--device", str(desk.folder / "post.toml")) == 2
        assert "does not go onto the card" in capsys.readouterr().err
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert desk.flash("--device", str(desk.folder / "post.toml")) == 2
    assert "install mtools" in capsys.readouterr().err


def test_fail_not_agreed(desk, monkeypatch, capsys) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: "no")
    assert cli.main(["flash", str(desk.image), str(desk.card), "--key", str(desk.key)]) == 2
    assert "Nothing was written" in capsys.readouterr().err
    assert desk.card.read_bytes() == b"old"


class FakeBlockDevice:
    """A path that says it is a block device."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stat(self):
        import os
        import stat

        return os.stat_result((stat.S_IFBLK | 0o660, *self._path.stat()[1:]))

    def resolve(self):
        return Path("/dev/sdx")

    def open(self, mode):
        return self._path.open(mode)

    def __str__(self) -> str:
        return "/dev/sdx"


def test_fail_a_card_that_is_in_use_or_too_small(desk) -> None:
    card = FakeBlockDevice(desk.card)
    mounts = desk.folder / "mounts"
    mounts.write_text("/dev/sdx1 /media/x vfat rw 0 0\n")
    with pytest.raises(CouldNot, match=r"in use \(/dev/sdx1\)"):
        flash.check_card(card, 3, mounts=mounts)
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\n")
    flash.check_card(card, 3, mounts=mounts)
    with pytest.raises(CouldNot, match="has 3 bytes; the image needs 4"):
        flash.check_card(card, 4, mounts=mounts)


def test_fail_an_image_that_becomes_shorter(desk) -> None:
    manifest = Manifest(board="x", version="1", sha256="0" * 64, size=SIZE + 1, config_offset=0)
    with pytest.raises(CouldNot, match="became shorter"):
        flash.write_card(desk.image, desk.card, manifest)


def test_ok_the_build_s_own_signature_is_taken(desk) -> None:
    script = Path(__file__).parents[3] / "image-build/sign.py"
    key = desk.folder / "new.key"
    command = [sys.executable, str(script), str(desk.image), "--board", "pi4-bookworm", "--key", str(key)]
    subprocess.run([*command, "--new-key"], check=True, capture_output=True)
    manifest = flash.verified_manifest(desk.image, desk.folder / "new.pub")
    assert (manifest.board, manifest.size) == ("pi4-bookworm", SIZE)
