"""The terminal recording of docs/devices.md: `borne devices --watch` while devices come and go.

The devices are pretended by umockdev's testbed, with the kernel's events; everything else is as it ships.
Writes docs/devices/watch.cast (asciicast v2) and watch.svg, in which each line appears at its time.

    umockdev-wrapper .venv/bin/python tests/hal/record_watch.py [FOLDER]
"""

import html
import json
import os
import pty
import re
import select
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conformance.testbed import Testbed

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 100, 21
USB = "/devices/pci0000:00/0000:00:14.0/usb1"
COMMAND = "borne devices --watch"
CONFIG = """
[box]
device = "post-001-lane-1"
post = "Example post"
[paths]
run = "{folder}"
[central]
sealing_key = "/s"
watermark_key = "/w"
[[device]]
kind = "document_reader"
driver = "mrz_line"
options = {{ port = "/dev/ttyACM0", framing = "desko", model = "DESKO" }}
[[device]]
kind = "power"
driver = "sysfs"
"""
# umockdev sends as udev's daemon does.
CHILD = (
    "import sys; from hal import hotplug; hotplug.UDEV_CONTROL = '/'; "
    "from appliance.cli import main; sys.exit(main(sys.argv[1:]))"
)


def usb(port: str, vendor: str, product: str, serial: str) -> str:
    return (
        f"P: {USB}/{port}\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\n"
        f"A: idVendor={vendor}\\n\nA: idProduct={product}\\n\nA: serial={serial}\\n\n\n"
    )


TTY = f"{USB}/1-1/1-1:1.0/tty/ttyACM0"
DESKO = (
    usb("1-1", "1ac2", "0555", "D0017") + f"P: {TTY}\nN: ttyACM0\nE: DEVNAME=/dev/ttyACM0\nE: SUBSYSTEM=tty\n"
)
ACS = usb("1-2", "072f", "223b", "")
URU = usb("1-3", "05ba", "000a", "")
POWER = (
    "P: /devices/platform/ups/power_supply/mains\nE: SUBSYSTEM=power_supply\nA: type=Mains\\n\n"
    "A: online=1\\n\n\n"
    "P: /devices/platform/ups/power_supply/ups\nE: SUBSYSTEM=power_supply\nA: type=UPS\\n\n"
    "A: status=Full\\n\nA: capacity=100\\n\n"
)


class Post:
    """The devices of the recording, and what happens to them: at so many seconds, this."""

    def __init__(self, bed: Testbed) -> None:
        self._bed, self._pty = bed, ""
        bed.add(POWER)
        self.story = (
            (2.5, self.plug_desko),
            (5.0, lambda: self.plug(ACS, "1-2")),
            (7.0, lambda: self.mains(on=False)),
            (13.0, self.pull_desko),
            (16.0, lambda: self.plug(URU, "1-3")),
            (18.0, self.plug_desko),
            (19.5, lambda: self._bed.event(f"{USB}/1-2", "remove")),
            (21.0, lambda: self.mains(on=True)),
        )

    def plug(self, text: str, port: str) -> None:
        self._bed.add(text)
        self._bed.event(f"{USB}/{port}", "add")

    def plug_desko(self) -> None:
        node = f"{self._bed.root}/dev/ttyACM0"
        if not self._pty:
            self._bed.add(DESKO)
            self._pty = os.readlink(node)
        else:  # umockdev makes a tty once and never again
            os.symlink(self._pty, node)
        self._bed.event(TTY, "add")

    def pull_desko(self) -> None:
        os.unlink(f"{self._bed.root}/dev/ttyACM0")
        self._bed.event(TTY, "remove")

    def mains(self, *, on: bool) -> None:
        power = "/devices/platform/ups/power_supply"
        self._bed.attribute(f"{power}/mains", "online", str(int(on)))
        self._bed.attribute(f"{power}/ups", "status", "Charging" if on else "Discharging")
        self._bed.attribute(f"{power}/ups", "capacity", "94" if on else "97")


def record(folder: Path) -> list[tuple[float, str]]:
    """What the terminal said, and when."""
    bed = Testbed()
    post = Post(bed)
    config = folder / "borne.toml"
    config.write_text(CONFIG.format(folder=folder))
    environment = os.environ | {"UMOCKDEV_DIR": bed.root, "PCSCLITE_CSOCK_NAME": str(folder / "none")}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        arguments = ["devices", "--config", str(config), "--watch", "--seconds", "28"]
        os.execvpe(sys.executable, [sys.executable, "-c", CHILD, *arguments], environment)
    said: list[tuple[float, str]] = []
    story, began = list(post.story), 0.0
    while True:
        readable, _, _ = select.select([terminal], [], [], 0.05)
        if readable:
            try:
                text = os.read(terminal, 65536).decode("utf-8", "replace")
            except OSError:
                break  # it has ended
            began = began or time.monotonic()
            said.append((time.monotonic() - began, text))
        if began and story and time.monotonic() - began >= story[0][0]:
            story.pop(0)[1]()
    os.waitpid(child, 0)
    return said


def cast(said: list[tuple[float, str]]) -> str:
    """Asciicast v2, the command typed before."""
    head = {
        "version": 2,
        "width": WIDTH,
        "height": HEIGHT,
        "title": COMMAND,
        "env": {"TERM": "xterm-256color"},
    }
    events = [[0.0, "o", f"$ {COMMAND}\r\n"]] + [[round(1 + when, 3), "o", text] for when, text in said]
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in (head, *events))


def svg(events: list[list[object]]) -> str:
    """The recording as a picture that moves; where nothing moves, its end is shown."""
    lines: list[tuple[float, str]] = []
    for when, _, text in events:
        lines += [(float(str(when)), one) for one in str(text).replace("\r", "").split("\n") if one]
    end = lines[-1][0] + 4
    shown = []
    for number, (when, text) in enumerate(lines):
        sign = next((name for mark, name in SIGNS if re.search(mark, text)), "plain")
        start = when / end * 100
        shown.append(
            f"<style>@keyframes l{number}{{0%,{start:.2f}%{{opacity:0}}"
            f"{start + 0.01:.2f}%,100%{{opacity:1}}}}"
            f"#l{number}{{animation:l{number} {end:.1f}s infinite}}</style>"
            f'<text id="l{number}" class="{sign}" x="16" y="{44 + 19 * number}">{html.escape(text)}</text>'
        )
    width, height = 16 + int(7.85 * WIDTH), 64 + 19 * len(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">'
        f"<title>{COMMAND}</title><style>text{{font:13px 'DejaVu Sans Mono',Menlo,Consolas,monospace;"
        "white-space:pre;fill:#d7dce2}.came{fill:#8fd694}.went{fill:#f0a35e}.bad{fill:#f0a35e}.good{fill:#8fd694}"
        ".typed{fill:#fff;font-weight:bold}</style>"
        f'<rect width="{width}" height="{height}" rx="8" fill="#1d2229"/>'
        '<circle cx="20" cy="16" r="5" fill="#4b535e"/><circle cx="38" cy="16" r="5" fill="#4b535e"/>'
        + "\n".join(shown)
        + "</svg>\n"
    )


SIGNS = (
    (r"^\$", "typed"),
    (r"^[\d:.]+ \+", "came"),
    (r"^[\d:.]+ -", "went"),
    (r"-> (ABSENT|FAULT)|-> .*on battery", "bad"),
    (r"-> READY", "good"),
)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "devices"
    with tempfile.TemporaryDirectory() as folder:
        text = cast(record(Path(folder)))
    (target / "watch.cast").write_text(text, "utf-8")
    events = [json.loads(line) for line in text.splitlines()[1:]]
    (target / "watch.svg").write_text(svg(events), "utf-8")


if __name__ == "__main__":
    main()
