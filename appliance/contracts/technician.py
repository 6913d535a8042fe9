"""What the technician's page says to the lane, and what it is told: the self-test part by part, live."""

from typing import Annotated

import msgspec

from appliance.contracts.agent import AgentStatus
from appliance.contracts.capture import DeviceStatus
from appliance.contracts.checks import Check
from appliance.contracts.lane import ListView, TrustView
from appliance.contracts.officers import Pin
from appliance.contracts.post_joining import PostReport

SIGNALS = ("ready", "working", "officer", "done", "attention")
"""What lights and sound can say, in the order in which they are tried."""
TRIED = ("run", "signal", "seen", "not_seen", "specimen", "finger", "stop", "leave")
"""What a technician can have done."""


class OpenBench(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A technician begins, with PIN; an empty name where nobody has been named at this box."""

    name: Annotated[str, msgspec.Meta(max_length=64)] = ""
    pin: Pin = ""


class TryPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part is to be tried, or was seen."""

    what: Annotated[str, msgspec.Meta(max_length=32)]
    """One of TRIED."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was begun; `problem` one of BENCH_PROBLEMS where not."""

    taken: bool
    problem: str = ""


BENCH_PROBLEMS = (
    *("busy", "traveller", "closed", "idle", "leave", "no_agent", "nothing_shown", "no_technician"),
)


class Specimen(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was read to try the readers: on the page alone, never recorded."""

    lines: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


class BenchView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows."""

    devices: tuple[DeviceStatus, ...]
    agent: AgentStatus | None
    """None: agent does not answer."""
    results: tuple[Check, ...]
    running: bool
    """The self-test goes on: so many of so many parts are done."""
    done: int
    total: int
    doing: str = ""
    """specimen or finger, while one is waited for."""
    signal: str = ""
    """What lights and sound say now, until it is seen or not."""
    specimen: Specimen | None = None
    lists: tuple[ListView, ...]
    trust: TrustView | None
    time_quality: str
    uncertainty_ms: int | None
    unsent: int
    boot_to_ready_seconds: float | None
    post: PostReport | None = None
    """None: this box has no post, or no errand has said how it stands."""
