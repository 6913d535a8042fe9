"""Runs under the system's own Python, which has libfprint's GObject binding; a virtual environment has not.

Started by `hal.fingerprint_sensor.libfprint` with the wanted libfprint driver's name, or nothing. It imports
nothing of ours. Requests are lines on stdin ("capture", "cancel"); each answer is a line of JSON on stdout,
an image's bytes behind it. The device is opened for one capture and closed after it: what a sensor, or
libfprint, still held of the finger before is gone with it.
"""

import json
import sys
import threading
from typing import Any

import gi

gi.require_version("FPrint", "2.0")
from gi.repository import FPrint, Gio, GLib  # noqa: E402 - the version must be chosen first


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    context = FPrint.Context()
    context.enumerate()
    devices = [one for one in context.get_devices() if wanted in ("", one.get_driver())]
    able = [one for one in devices if one.has_feature(FPrint.DeviceFeature.CAPTURE)]
    if not able:
        say({"hello": None, "devices": len(devices)})
        return 1
    device = able[0]
    say({"hello": {"driver": device.get_driver(), "name": device.get_name(), "id": device.get_device_id()}})
    serve(device)
    return 0


def serve(device: Any) -> None:
    """One capture at a time, until stdin ends; a thread of its own hears "cancel" in the middle of one."""
    wanted = threading.Semaphore(0)
    ended = threading.Event()
    running: list[Any] = [Gio.Cancellable()]

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "capture":
                running[0] = Gio.Cancellable()
                wanted.release()
            else:
                running[0].cancel()
        ended.set()
        running[0].cancel()
        wanted.release()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        wanted.acquire()
        if ended.is_set():
            return
        capture(device, running[0])


def capture(device: Any, cancellable: Any) -> None:
    """Open, one picture, close; exactly one answer."""
    image = None
    try:
        device.open_sync(cancellable)
        try:
            image = device.capture_sync(True, cancellable)
        finally:
            device.close_sync(None)
    except GLib.Error as error:
        say(explain(error))
        return
    data = bytes(image.get_data())
    about = {"width": image.get_width(), "height": image.get_height(), "ppmm": image.get_ppmm()}
    say({"image": about, "bytes": len(data)}, data)


def explain(error: Any) -> dict[str, str]:
    """Which kind of error, and its name there."""
    for key, quark, names in (
        ("retry", FPrint.device_retry_quark(), FPrint.DeviceRetry),
        ("device", FPrint.device_error_quark(), FPrint.DeviceError),
    ):
        if error.domain == GLib.quark_to_string(quark):
            return {key: names(error.code).value_nick}
    if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED):
        return {"cancelled": "yes"}
    return {"device": error.domain}


def say(answer: dict[str, Any], data: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
