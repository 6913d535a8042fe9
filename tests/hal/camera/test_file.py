"""Pictures from files: order, caps before decoding, and everything that is not a picture."""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.camera import file
from hal.camera.file import FileCamera, Options
from hal.device import DeviceFault, DeviceGone, Unreadable

STARTS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"BM"]


def picture(path, value):
    cv2.imwrite(str(path), np.full((8, 12, 3), value, np.uint8))
    return path


def camera(path):
    return FileCamera(Options(path=str(path)))


def test_ok__one_picture_again_and_again(tmp_path):
    one = camera(picture(tmp_path / "a.png", 7))
    assert one.simulated
    for _ in range(2):
        frame = one.capture(1.0)
        assert (frame.height, frame.width, frame.pixels[0, 0, 0]) == (8, 12, 7)


def test_ok__a_folder_in_order_of_name_and_again(tmp_path):
    for name, value in (("b.png", 2), ("a.png", 1), ("c.JPG", 3)):
        picture(tmp_path / name, value)
    (tmp_path / "notes.txt").write_text("no picture")
    one = camera(tmp_path)
    assert [int(one.capture(1.0).pixels.mean()) for _ in range(4)] == [1, 2, 3, 1]


def test_ok__a_video_from_its_beginning_again(tmp_path):
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for value in (50, 200):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    one = camera(path)
    means = [one.capture(1.0).pixels.mean() for _ in range(3)]
    assert means == pytest.approx([50, 200, 50], abs=8)
    path.unlink()
    with pytest.raises(DeviceGone):
        one.capture(1.0)


def huge_png(path, width, height):
    """A header that promises many pixels, and nothing else."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    return path


@pytest.mark.parametrize("side", [8_000, 40_000, 2_000_000_000])
def test_fail__too_many_pixels_before_decoding(tmp_path, side, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *args: pytest.fail("decoded"))
    with pytest.raises(Unreadable, match="pixels"):
        camera(huge_png(tmp_path / "huge.png", side, side)).capture(1.0)


def test_fail__too_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "MAX_BYTES", 10)
    with pytest.raises(Unreadable, match="bytes"):
        camera(picture(tmp_path / "a.png", 1)).capture(1.0)


def test_fail__a_header_without_a_picture(tmp_path):
    with pytest.raises(Unreadable, match="decoded"):
        camera(huge_png(tmp_path / "empty.png", 10, 10)).capture(1.0)


def test_fail__opencv_refuses(tmp_path, monkeypatch):
    def refuse(*args):
        raise cv2.error("refused")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    with pytest.raises(Unreadable, match="decoded"):
        camera(picture(tmp_path / "a.png", 1)).capture(1.0)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"BM"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_fail__garbage_is_unreadable(tmp_path, garbage, start):
    path = tmp_path / "garbage.jpg"
    path.write_bytes(start + garbage)
    with pytest.raises(Unreadable):
        camera(path).capture(1.0)


def test_fail__nothing_there(tmp_path):
    with pytest.raises(DeviceGone):
        camera(tmp_path / "none.png").open()
    with pytest.raises(DeviceFault, match="no picture in the folder"):
        camera(tmp_path).open()


def test_fail__a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DeviceFault):
        camera(tmp_path / "pipe.png").open()


def test_fail__no_video(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(DeviceFault):
        camera(path).open()


def test_fail__a_video_with_nothing_to_decode(tmp_path, monkeypatch):
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    one = camera(path)
    one.open()

    class Empty:
        def read(self):
            return False, None

        def set(self, what, value):
            return True

        def release(self):
            return None

    one._video.release()
    one._video = Empty()
    with pytest.raises(Unreadable):
        one.capture(1.0)
