"""What support sees of a box while it is let in: health, versions, disk, configuration, the services' logs.

Bounded, and nothing of any traveller: the services log no names, and what looks like one all the same
(numbers, quoted words, lines of an MRZ) is blanked before it leaves this process. No secret is in the
configuration, and only the tables that are named here are told.
"""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

import appliance
from appliance.config import Config

MAX_BUNDLE_BYTES: Final = 200 * 1024
MAX_LINES: Final = 400
MAX_LINE: Final = 300
MAX_JOURNAL_BYTES: Final = 4 * 1024 * 1024
JOURNAL_SECONDS: Final = 20.0
TOLD: Final = ("box", "retention", "protection", "time", "face", "finger", "kiosk")
"""Tables of the configuration; of [[device]] kind, driver and use, of [broker] and [post] where they are."""
_UNITS: Final = "borne-*.service"
_BLANK: Final = "[...]"
_SUSPECT: Final = re.compile(
    r"\"[^\"]*\"|'[^']{3,}'|«[^»]*»"  # quoted words
    r"|\S*<\S*"  # lines of an MRZ, and mark-up
    r"|\b\w*\d{4,}\w*\b"  # document numbers, dates without signs
    r"|\b\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b"  # dates
    r"|\b[A-Z]{2,}(?:[ ,]+[A-Z]{2,})+\b"  # names as documents have them
)

Lines = list[dict[str, Any]]


class _Entry(msgspec.Struct, frozen=True):
    """Of journald's many fields those that are told (systemd.journal-fields(7))."""

    message: str = msgspec.field(name="MESSAGE")
    at: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="")
    unit: str = msgspec.field(name="_SYSTEMD_UNIT", default="")
    about: str = msgspec.field(name="UNIT", default="")
    """Of whom systemd itself speaks."""
    priority: str = msgspec.field(name="PRIORITY", default="")


def blanked(text: str) -> str:
    """A line of a service's log without what could be a traveller's."""
    return _SUSPECT.sub(_BLANK, text[:MAX_LINE])


def journal_lines() -> Lines:
    """The newest lines of Borne's units, by journald; one that says so where it cannot be read."""
    command = [
        "journalctl",
        "--boot",
        "--no-pager",
        "--output=json",
        f"--lines={MAX_LINES}",
        f"--unit={_UNITS}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=JOURNAL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [{"message": f"The system's journal cannot be read ({type(error).__name__})."}]
    return parsed(done.stdout[:MAX_JOURNAL_BYTES])


def parsed(output: bytes) -> Lines:
    """journalctl's JSON, an object a line; what is none is left out."""
    found: Lines = []
    for line in output.splitlines()[-MAX_LINES:]:
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except (msgspec.MsgspecError, RecursionError):
            continue  # not one line of text, as journald says what is no UTF-8
        found.append(
            {
                "at": entry.at[:20],
                "unit": (entry.about or entry.unit)[:64],
                "priority": entry.priority[:2],
                "message": blanked(entry.message),
            }
        )
    return found


def configuration(config: Config) -> dict[str, Any]:
    """The tables that support needs."""
    plain: dict[str, Any] = msgspec.to_builtins(config, enc_hook=str)
    told = {name: plain[name] for name in TOLD}
    told["device"] = [{name: one[name] for name in ("kind", "driver", "use")} for one in plain["device"]]
    told["broker"] = (
        None if config.broker is None else {"host": config.broker.host, "port": config.broker.port}
    )
    told["post"] = None if config.post is None else {"hub": config.post.hub, "address": config.post.address}
    return told


def bundle(
    report: Mapping[str, Any], config: Mapping[str, Any], *, journal: Callable[[], Lines] = journal_lines
) -> bytes:
    """All of it as JSON, at most `MAX_BUNDLE_BYTES`: the oldest lines of the journal give way."""
    lines = journal()
    told = {"version": appliance.__version__, "health": dict(report), "configuration": dict(config)}
    while True:
        data = json.dumps(told | {"journal": lines}, ensure_ascii=False, default=str).encode()
        if len(data) <= MAX_BUNDLE_BYTES or not lines:
            return data[:MAX_BUNDLE_BYTES]
        lines = lines[len(lines) // 2 + 1 :]
