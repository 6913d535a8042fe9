"""The house's import arrows: who may know whom, held by reading every module's syntax tree.

A new room is one line in ALLOWED. Imports inside functions, under TYPE_CHECKING and by a literal
`import_module("...")` count like any other.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("hal", "models", "appliance", "central", "benchmarks")
ANYTHING = "*"
VERSION = "appliance"  # the package itself, which holds nothing but the version

# Room -> what of ours it may import besides itself. The longest matching room counts; "*" is one name.
ALLOWED: dict[str, tuple[str, ...]] = {
    # the ground: hardware and what was learned know nothing of travellers
    "hal": (),
    "models": (),
    "models.*.training": ("models",),
    "models.*.conversion": ("models",),
    # the vocabulary and the small tools
    "appliance": (),
    "appliance.arenas": (),
    "appliance.cbor": (),
    "appliance.contracts": ("appliance.cbor",),
    "appliance.cose": ("appliance.cbor",),
    "appliance.report_signature": ("appliance.cose",),  # what lane signs and central verifies
    "appliance.key_files": (),
    "appliance.whole_files": (),
    "appliance.face_settings": ("appliance.contracts",),
    "appliance.finger_settings": (),
    "appliance.config": ("appliance.contracts", "appliance.face_settings", "appliance.finger_settings"),
    "appliance.live_query": (
        "appliance.cbor",
        "appliance.contracts",
        "appliance.cose",
    ),  # what lane and gateway say to each other
    # what the boxes of one post say to each other
    "appliance.post": (
        *("appliance.cbor", "appliance.contracts", "appliance.cose"),
        *("appliance.key_files", "appliance.whole_files"),
    ),
    "appliance.clock": ("appliance.config", "appliance.contracts"),
    "appliance.gnss_time": ("appliance.clock", "hal.device", "hal.gnss"),
    "appliance.time_followed": ("appliance.clock", "appliance.whole_files"),
    # the libraries: no service, no device
    "appliance.travel_document": (),
    # what a chip's protected channel is made of: for those who talk to chips, and for lane, which judges them
    "appliance.secure_messaging": ("appliance.travel_document",),
    "appliance.chip": (
        "appliance.secure_messaging",
        "appliance.travel_document",
        "hal.device",  # the errors of transmit()
    ),
    "appliance.biometrics": ("appliance.contracts", "appliance.face_settings", "models"),
    "appliance.screening": (
        "appliance.cbor",
        "appliance.clock",
        "appliance.contracts",
        "appliance.cose",
        "appliance.travel_document",
    ),
    "appliance.rules": ("appliance.config", "appliance.contracts", "appliance.travel_document"),
    "appliance.reference_data": (
        "appliance.cbor",
        "appliance.clock",
        "appliance.config",
        "appliance.contracts",
        "appliance.cose",
        "appliance.key_files",
        "appliance.screening",
        "appliance.travel_document",
        "appliance.whole_files",
    ),
    "appliance.records": (
        *("appliance.cbor", "appliance.clock", "appliance.config", "appliance.contracts"),
        *("appliance.cose", "appliance.key_files", "appliance.whole_files"),
    ),
    "appliance.paxlst": ("appliance.contracts",),
    "appliance.csv_lines": (),
    "appliance.advance_file": ("appliance.contracts", "appliance.csv_lines", "appliance.paxlst"),
    "appliance.plain_files": (),
    "appliance.officer_card": (),
    # the stick that stands in for the network: both ends' format, and the box's courier
    "appliance.carry": ("appliance.contracts", "appliance.plain_files"),
    # the services: each knows the libraries of its work, and of the others the contracts alone
    "appliance.services": (),
    "appliance.services.capture": (
        VERSION,
        "appliance.biometrics",
        "appliance.chip",
        "appliance.clock",
        "appliance.config",
        "appliance.contracts",
        "appliance.face_settings",
        "appliance.secure_messaging",
        "appliance.travel_document",
        "hal",
        "models",
    ),
    "appliance.services.lane": (
        VERSION,
        *("appliance.advance_file", "appliance.csv_lines", "appliance.officer_card", "appliance.plain_files"),
        "appliance.clock",
        "appliance.config",
        "appliance.contracts",
        "appliance.cose",
        "appliance.face_settings",
        "appliance.finger_settings",
        "appliance.live_query",
        "appliance.key_files",
        "appliance.post",
        "appliance.records",
        "appliance.reference_data",
        "appliance.report_signature",
        "appliance.rules",
        "appliance.screening",
        "appliance.secure_messaging",
        *("appliance.travel_document", "appliance.whole_files"),
    ),
    "appliance.services.uplink": (
        VERSION,
        "appliance.clock",
        "appliance.config",
        "appliance.contracts",
        "appliance.cose",
        "appliance.key_files",
        "appliance.post",
        "appliance.records.appointment",  # what central signs and a box verifies
        "appliance.records.envelope",
        "appliance.records.errors",
        "appliance.records.watermark",
        "appliance.whole_files",
    ),
    "appliance.services.agent": (
        VERSION,
        "appliance.clock",
        "appliance.config",
        "appliance.contracts",
        "appliance.cose",  # provisioning: central's signed answer
        "appliance.face_settings",
        "appliance.finger_settings",
        "appliance.key_files",
        "appliance.whole_files",
    ),
    # play: the demo, training and the tests alone
    "appliance.simulation": (
        "appliance.chip",
        "appliance.clock",
        "appliance.config",
        "appliance.contracts",
        "appliance.cose",
        "appliance.key_files",
        "appliance.live_query",
        "appliance.records",
        "appliance.reference_data",
        "appliance.screening",
        "appliance.secure_messaging",
        "appliance.travel_document",
        "appliance.whole_files",
        "appliance.wiring",  # a simulated world around the same services that systemd runs
        "hal",
        "models",
    ),
    # the programs: they wire
    "appliance.cli": (ANYTHING,),
    "appliance.commands": (ANYTHING,),
    "appliance.opening": (ANYTHING,),
    "appliance.wiring": (ANYTHING,),
    # the other end of the wire
    "central": (
        VERSION,
        *("appliance.cbor", "appliance.carry", "appliance.contracts", "appliance.cose"),
        "appliance.key_files",
        *("appliance.live_query", "appliance.records.commands", "appliance.records.support"),
        "appliance.records.appointment",  # what central signs and a box verifies
        "appliance.records.envelope",
        "appliance.records.errors",
        "appliance.records.key_change",
        "appliance.records.manifest",
        "appliance.records.statistics",  # pure, and counted alike on the box and here
        "appliance.records.watermark",
        "appliance.reference_data",
        "appliance.report_signature",
        "appliance.screening",
        "appliance.travel_document",
        "appliance.whole_files",  # a claim's request and answer, which are given once
    ),
    "benchmarks": (ANYTHING,),
}

# Rooms that nobody outside them imports, not even with "*".
NOBODY = ("benchmarks", "models.*.training", "models.*.conversion")

# Who may import a foreign package that opens a way out of the house. Nothing listed: nobody.
FOREIGN: dict[str, tuple[str, ...]] = {
    # The way to the network: httpx speaks to unix sockets, in one file; paho only where the broker is.
    "httpx": ("appliance.contracts.transport",),
    "paho": ("appliance.services.uplink", "central", "appliance.simulation", "benchmarks"),
    "requests": (),
    "urllib.request": (),
    "urllib3": (),
    "http.client": ("appliance.services.uplink.bundles", "appliance.services.uplink.enrolling"),
    "aiohttp": (),
    "ftplib": (),
    "smtplib": (),
    # The hardware
    "serial": ("hal",),
    "usb": ("hal",),
    "pyudev": ("hal",),
    "evdev": ("hal",),
    "gpiozero": ("hal",),
    "picamera2": ("hal",),
    "smartcard": ("hal", "appliance.simulation"),
    # The models' runtime
    "ai_edge_litert": ("models", "benchmarks"),
    "tflite_runtime": ("models", "benchmarks"),
    # Central's database
    "sqlalchemy": ("central",),
    "psycopg": ("central",),
}

# What loading a service must not bring in by any detour: the sandbox would hold it, the arrows say so first.
NEVER_REACHED: dict[str, tuple[str, ...]] = {
    "hal": ("appliance", "models", "central"),
    "models": ("appliance", "hal", "central"),
    "appliance.services.capture": ("appliance.records", "appliance.reference_data", "appliance.simulation"),
    "appliance.services.lane": ("hal", "models", "appliance.chip", "appliance.simulation"),
    "appliance.services.uplink": (
        "hal",
        "models",
        "appliance.chip",
        "appliance.secure_messaging",
        "appliance.biometrics",
        "appliance.screening",
        "appliance.simulation",
        "appliance.travel_document",
    ),
    "appliance.services.agent": (
        "hal",
        "models",
        "appliance.chip",
        "appliance.records",
        "appliance.simulation",
    ),
    "central": ("hal", "appliance.services", "appliance.simulation"),
}


@dataclass(frozen=True, slots=True)
class Arrow:
    source: str
    target: str
    line: int


def within(module: str, room: str) -> bool:
    """Whether `module` is `room` or lies inside it; a "*" in the room stands for one name."""
    names, pattern = module.split("."), room.split(".")
    return len(names) >= len(pattern) and all(
        want in {"*", name} for want, name in zip(pattern, names, strict=False)
    )


def room_of(module: str) -> str | None:
    rooms = [room for room in ALLOWED if within(module, room)]
    # `appliance` is the version's place, not a roof under which a new file needs no line of its own.
    rooms = [room for room in rooms if room != VERSION or module == VERSION]
    return max(rooms, key=lambda room: room.count("."), default=None)


def find_modules(root: Path) -> dict[str, Path]:
    modules = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def literal_import(call: ast.Call) -> str | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in {"import_module", "__import__"} and call.args and isinstance(call.args[0], ast.Constant):
        return str(call.args[0].value)
    return None


def arrows_of(module: str, path: Path, known: Iterable[str]) -> Iterator[Arrow]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Arrow(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                inside = f"{base}.{alias.name}"
                # A module, or a name that a module holds. Of a foreign package every name counts.
                ours = base.split(".")[0] in PACKAGES
                yield Arrow(module, inside if inside in known or not ours else base, node.lineno)
        elif isinstance(node, ast.Call) and (target := literal_import(node)):
            yield Arrow(module, target, node.lineno)


def is_allowed(arrow: Arrow, room: str) -> bool:
    if any(within(arrow.target, hermit) and not within(arrow.source, hermit) for hermit in NOBODY):
        return False
    if room_of(arrow.target) == room:
        return True
    return any(allowed == ANYTHING or within_exactly(arrow.target, allowed) for allowed in ALLOWED[room])


def within_exactly(target: str, allowed: str) -> bool:
    return target == VERSION if allowed == VERSION else within(target, allowed)


def broken_arrows(root: Path) -> list[str]:
    """Every import of the tree under `root` that the tables forbid, as a sentence."""
    modules = find_modules(root)
    broken = []
    loads: dict[str, set[str]] = {}
    for module, path in modules.items():
        room = room_of(module)
        if room is None:
            broken.append(f"{module} stands in no room: give it a line in ALLOWED")
            continue
        for arrow in arrows_of(module, path, modules):
            if arrow.target.split(".")[0] in PACKAGES:
                loads.setdefault(module, set()).add(arrow.target)
                if not is_allowed(arrow, room):
                    broken.append(f"{module}:{arrow.line} imports {arrow.target}, which {room} may not")
            for foreign, users in FOREIGN.items():
                if within(arrow.target, foreign) and not any(within(module, user) for user in users):
                    broken.append(f"{module}:{arrow.line} imports {foreign}, which {room} may not")
    return list(dict.fromkeys(broken)) + detours(modules, loads)


def detours(modules: dict[str, Path], loads: dict[str, set[str]]) -> list[str]:
    """What a room of NEVER_REACHED loads all the same, through others or through a package's __init__."""
    broken = []
    for room, forbidden in NEVER_REACHED.items():
        reached: dict[str, str] = {}  # module -> who brought it in
        waiting = [module for module in modules if within(module, room)]
        while waiting:
            module = waiting.pop()
            for target in loads.get(module, set()):
                for loaded in with_parents(target):
                    if loaded not in reached:
                        reached[loaded] = module
                        waiting.append(loaded)
        broken += [
            f"{room} reaches {module}, by way of {bringer}"
            for module, bringer in sorted(reached.items())
            if any(within(module, never) and module != VERSION for never in forbidden)
        ]
    return broken


def with_parents(module: str) -> list[str]:
    names = module.split(".")
    return [".".join(names[:end]) for end in range(1, len(names) + 1)]


def test_ok_every_import_of_the_house_follows_an_arrow() -> None:
    assert broken_arrows(REPOSITORY) == []


def test_ok_the_arrows_themselves_make_no_circle() -> None:
    def targets(room: str) -> set[str]:
        named = {room_of(a.replace("*", "any")) for a in ALLOWED[room] if a != ANYTHING}
        return {target for target in named if target is not None and target != room}

    def walk(room: str, way: tuple[str, ...]) -> None:
        assert room not in way, " -> ".join([*way, room])
        for target in targets(room):
            walk(target, (*way, room))

    for room in ALLOWED:
        walk(room, ())


BROKEN = [
    ("hal/camera/v4l2.py", "from appliance.contracts import checks", "hal may not"),
    ("models/face/inference.py", "import appliance", "models may not"),
    ("appliance/travel_document/mrz.py", "import appliance.services.lane.engine", "travel_document may not"),
    ("appliance/services/lane/engine.py", "from appliance.services.capture import service", "lane may not"),
    ("appliance/services/lane/engine.py", "from ..capture.service import CaptureService", "lane may not"),
    ("appliance/services/lane/engine.py", "def f():\n    import hal.camera", "lane may not"),
    (
        "appliance/services/lane/engine.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hal.device",
        "lane may not",
    ),
    (
        "appliance/services/lane/engine.py",
        "import importlib\nimportlib.import_module('hal.camera.v4l2')",
        "lane may not",
    ),
    ("appliance/services/capture/service.py", "import httpx", "imports httpx"),
    ("appliance/services/capture/service.py", "from urllib import request", "imports urllib.request"),
    (
        "appliance/services/capture/service.py",
        "from http.client import HTTPConnection",
        "imports http.client",
    ),
    ("appliance/services/capture/service.py", "import appliance.simulation.chip", "capture may not"),
    ("appliance/services/uplink/service.py", "from appliance.travel_document import mrz", "uplink may not"),
    (
        "appliance/services/uplink/service.py",
        "from appliance.records.journal import Journal",
        "uplink may not",
    ),
    ("central/receiver.py", "from appliance.records.journal import Journal", "central may not"),
    ("central/receiver.py", "import hal.device", "central may not"),
    ("appliance/cli.py", "import benchmarks.latency", "cli may not"),
    ("appliance/cli.py", "import models.face.training.train", "cli may not"),
    ("models/face/inference.py", "from models.face.training import train", "models may not"),
    ("appliance/novelty.py", "", "stands in no room"),
    ("appliance/__init__.py", "from appliance.travel_document import mrz", "appliance may not"),
    ("appliance/contracts/lane.py", "import sqlalchemy", "imports sqlalchemy"),
]


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("file", "code", "says"), BROKEN)
def test_fail_an_arrow_is_broken(tmp_path: Path, file: str, code: str, says: str) -> None:
    lay(
        tmp_path,
        {
            "appliance/travel_document/mrz.py": "",
            "appliance/services/capture/service.py": "",
            "models/face/training/train.py": "",
            file: code,
        },
    )
    assert any(says in line for line in broken_arrows(tmp_path)), broken_arrows(tmp_path)


def test_fail_a_detour_is_found(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "appliance/services/uplink/service.py": "from appliance.records.envelope import seal",
            "appliance/records/envelope.py": "from appliance.contracts import lane",
            "appliance/contracts/lane.py": "from appliance.travel_document import mrz",
            "appliance/travel_document/mrz.py": "",
        },
    )
    assert (
        "appliance.services.uplink reaches appliance.travel_document.mrz, by way of appliance.contracts.lane"
        in broken_arrows(tmp_path)
    )


def test_fail_a_detour_through_a_package_is_found(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "appliance/services/uplink/service.py": "from appliance.records.envelope import seal",
            "appliance/records/envelope.py": "",
            "appliance/records/__init__.py": "from appliance.screening import names",
            "appliance/screening/names.py": "",
        },
    )
    assert any("uplink reaches appliance.screening.names" in line for line in broken_arrows(tmp_path))


def test_ok_a_tree_that_keeps_the_arrows(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "hal/device.py": "import serial",
            "appliance/__init__.py": "",
            "appliance/contracts/transport.py": "import httpx",
            "appliance/chip/channel.py": "from hal.device import DeviceGone",
            "appliance/services/uplink/service.py": "from appliance import VERSION\nimport paho.mqtt.client",
            "appliance/services/lane/engine.py": "from . import workflow\nfrom .workflow import Step",
            "appliance/services/lane/workflow.py": "from ...contracts import transport",
            "appliance/cli.py": "from appliance.services.lane import engine\nimport appliance.simulation",
            "benchmarks/latency.py": "import appliance.cli\nfrom benchmarks import peers",
            "benchmarks/peers.py": "",
            "models/face/training/train.py": "import models.face.inference",
            "models/face/inference.py": "import ai_edge_litert.interpreter",
        },
    )
    assert broken_arrows(tmp_path) == []
