"""The technician's page in words: what a device, a part of the self-test and the box itself say."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any, Final

from babel.dates import format_timedelta

from appliance.contracts.capture import DeviceStatus
from appliance.contracts.checks import Check, Verdict
from appliance.contracts.technician import BenchView
from appliance.services.lane.kiosk.post_words import PostPlaceWords, post_words
from appliance.services.lane.kiosk.words import Words

IMAGE: Final = "image"
WORKING: Final = ("READY", "BUSY")
MAX_EVIDENCE: Final = 300
"""Characters of one piece of evidence; the telemetry has the rest."""
SELF_TEST: Final = "self_test_"
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the self-test."""

    id: str
    verdict: str
    verdict_word: str
    name: str
    reason: str
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One device, with all that it tells of itself."""

    name: str
    model: str
    simulated: bool
    state: str
    state_word: str
    worry: bool
    since: str
    firmware: str
    last_success: str
    counts: str
    p95: str
    problem: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing of the box: its name and how it is."""

    name: str
    value: str
    worry: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """The whole page."""

    results: tuple[Result, ...]
    counts: str
    devices: tuple[DeviceLine, ...]
    machine: tuple[Fact, ...]
    cameras: tuple[str, ...]
    progress: str
    done: int
    total: int
    doing: str
    signal: str
    specimen: tuple[str, ...]
    specimen_checks: tuple[Result, ...]
    post: PostPlaceWords | None
    title: str
    time: str


def bench_of(view: BenchView, words: Words, *, now: dt.datetime) -> Bench:
    """The page in these words."""
    specimen = view.specimen
    agent = view.agent
    doing = {"specimen": words.ui("bench_specimen_do"), "finger": words.ui("bench_finger_do")}
    return Bench(
        results=tuple(_result(one, words) for one in view.results),
        counts=words.comma.join(_counts(view.results, words)),
        devices=tuple(_device(one, words) for one in view.devices),
        machine=tuple(_machine(view, words)),
        cameras=tuple(one.key for one in view.devices if IMAGE in one.capabilities),
        progress=words.ui("bench_progress", done=view.done, total=view.total) if view.running else "",
        done=view.done,
        total=view.total,
        doing=doing.get(view.doing, ""),
        signal=words.say("bench_signal", view.signal) if view.signal else "",
        specimen=specimen.lines if specimen is not None else (),
        specimen_checks=tuple(
            Result(
                id=one.id,
                verdict=one.verdict.value,
                verdict_word=words.say("verdict", one.verdict.value),
                name=words.say("check", one.id),
                reason=words.of_check("reason", one.id, one.reason) or one.reason,
                evidence=(),
            )
            for one in (specimen.checks if specimen is not None else ())
        ),
        post=post_words(view.post, words) if view.post is not None else None,
        title=f"{agent.device}, Borne {agent.version}" if agent is not None else "Borne",
        time=f"{words.date(now.date().isoformat())}, {now:%H:%M}",
    )


def _result(check: Check, words: Words) -> Result:
    return Result(
        id=check.id,
        verdict=check.verdict.value,
        verdict_word=words.say("verdict", check.verdict.value),
        name=_name(check.id, words),
        reason=_reason(check.reason, words),
        evidence=tuple((name, _shown(value)) for name, value in check.evidence.items()),
    )


def _name(id_: str, words: Words) -> str:
    """`devices.camera.2` is the camera, `lists.persons` that list, `panel.done` that light."""
    own = words.find(f"bench_check.{id_}")
    if own is not None:
        return own
    area, _, rest = id_.partition(".")
    if area == "devices":
        kind, _, number = rest.partition(".")
        return f"{words.say('device', kind)} {number}"
    if area == "lists":
        return words.ui("pair", what=words.ui("lists"), how=rest)
    if area == "panel":
        panel, light = words.say("device", "panel"), words.say("bench_signal", rest)
        return words.ui("pair", what=panel, how=light)
    return id_


def _reason(code: str, words: Words) -> str:
    if code.startswith(SELF_TEST):
        return words.ui("bench_self_test", name=code.removeprefix(SELF_TEST))
    kinds = (f"bench_reason.{code}", f"state.{code.upper()}", f"time.{code}", f"notice.{code}")
    return words.find(*kinds, f"reason.{code}") or code


def _counts(results: tuple[Check, ...], words: Words) -> list[str]:
    numbers = {verdict: sum(one.verdict is verdict for one in results) for verdict in Verdict}
    return [words.count(verdict.value, number) for verdict, number in numbers.items() if number]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_EVIDENCE else f"{text[: MAX_EVIDENCE - 1]}…"


def _device(device: DeviceStatus, words: Words) -> DeviceLine:
    return DeviceLine(
        name=words.say("device", device.kind),
        model=device.model,
        simulated=device.simulated,
        state=device.state,
        state_word=words.say("state", device.state),
        worry=device.state not in WORKING,
        since=_span(device.since_seconds, words),
        firmware=device.firmware or "–",
        last_success="–"
        if device.last_success_seconds is None
        else _span(device.last_success_seconds, words),
        counts=f"{device.successes} / {device.failures}",
        p95="–" if device.p95_seconds is None else f"{words.decimal(device.p95_seconds)} s",
        problem=device.problem or device.last_error or "",
    )


def _span(seconds: float, words: Words) -> str:
    """An age in the largest unit that it has one of, as CLDR says it; ten seconds are the least."""
    rounded = dt.timedelta(seconds=max(0, round(seconds, -1)))
    return format_timedelta(rounded, format="short", threshold=1, locale=words.locale)


def _machine(view: BenchView, words: Words) -> list[Fact]:
    """What is there; a sensor that the box has not is not mentioned."""
    agent = view.agent
    if agent is None:
        return [Fact(words.ui("bench_agent"), words.ui("bench_agent_away"), worry=True)]
    box, warnings = agent.box, set(agent.box.get("warnings", ()))
    software, on_trial = agent.version, False
    if "slot" in agent.update:
        on_trial = not agent.update.get("confirmed")
        software += f", {agent.update['slot']}: {_reason('on_trial' if on_trial else 'kept', words)}"
    said = [("box.software", software, on_trial)]
    if "temperature_celsius" in box:
        worry = bool({"too_hot", "too_cold"} & warnings)
        said.append(("temperature", f"{box['temperature_celsius']:.0f} °C", worry))
    if "under_voltage" in box:
        word = _reason("under_voltage" if box["under_voltage"] else "well", words)
        said.append(("voltage", word, bool(box["under_voltage"])))
    if "mains" in box:
        said.append(("mains", _reason("well" if box["mains"] else "on_battery", words), not box["mains"]))
    if "battery_percent" in box:
        said.append(("battery", words.percent(box["battery_percent"] / 100), "battery_low" in warnings))
    if "card_worn_percent" in box:
        said.append(("disk.card", words.percent(box["card_worn_percent"] / 100), "card_worn" in warnings))
    for name, free, all_ in (("disk", "disk_free_bytes", "disk_total_bytes"),
                             ("memory", "memory_available_bytes", "memory_total_bytes")):  # fmt: skip
        if free in box and all_ in box:
            value = f"{box[free] // MIB:,} / {box[all_] // MIB:,} MiB"
            said.append((name, value, f"{name}_almost_full" in warnings))
    if "uptime_seconds" in box:
        said.append(("uptime", _span(box["uptime_seconds"], words), False))
    if view.boot_to_ready_seconds is not None:
        said.append(("ready", f"{view.boot_to_ready_seconds:.0f} s", False))
    quality = words.say("time", view.time_quality)
    if view.uncertainty_ms is not None:
        quality = f"{quality} (± {view.uncertainty_ms} ms)"
    said.append(("clock.quality", quality, view.time_quality == "unsure"))
    said += _network(view, words)
    if view.trust is not None:
        age = "" if view.trust.age_hours is None else f" ({words.span(view.trust.age_hours)})"
        said.append(("trust.anchors", f"{view.trust.authorities}{age}", not view.trust.authorities))
    for one in view.lists:
        age = "–" if one.age_hours is None else words.span(one.age_hours)
        said.append(("lists", f"{one.name}: {words.count('entries', one.entries)}, {age}", one.stale))
    return [Fact(_fact(name, words), value, worry) for name, value, worry in said]


def _fact(name: str, words: Words) -> str:
    return words.find(f"bench_fact.{name}", f"bench_check.{name}") or words.ui(name)


def _network(view: BenchView, words: Words) -> list[tuple[str, str, bool]]:
    link = view.agent.link if view.agent is not None else None
    if link is None:
        return [("central.network", _reason("unreachable", words), True)]
    up = [one.name for one in link.links if one.up]
    said = [("central.network", ", ".join(up) or _reason("no_link", words), not up)]
    word = _reason("connected" if link.connected else "not_connected", words)
    said.append(("central.broker", f"{link.broker}: {word}", not link.connected))
    if link.last_problem and not link.connected:
        said.append(("central.broker", link.last_problem, True))
    sent = words.count("unsent", view.unsent) if view.unsent else words.ui("all_sent")
    return [*said, ("central.word", sent, False)]
