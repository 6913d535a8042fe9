"""`borne devices`: what is plugged in, which driver would serve it, and how the configured ones fare."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.commands.output import CouldNot, add_json_flag, print_json

if TYPE_CHECKING:  # help answers before any library is loaded
    from appliance.contracts.capture import DeviceStatus, SelfTested

CONFIG = Path("/etc/borne/borne.toml")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    devices = subparsers.add_parser("devices", help="what is plugged in, its state and health")
    devices.add_argument("--config", type=Path, default=None, help=f"default {CONFIG}, when it is there")
    devices.add_argument("--watch", action="store_true", help="go on, and say what comes, goes and fails")
    devices.add_argument("--seconds", type=float, default=None, help="end --watch after so long")
    devices.add_argument("--self-test", action="store_true", help="have each device test itself that can")
    add_json_flag(devices)
    devices.set_defaults(run=show_devices)


def show_devices(arguments: argparse.Namespace) -> int:
    """0: every configured device is ready, 1: one is not, 2: the configuration cannot be used."""
    return asyncio.run(_show(arguments))


async def _show(arguments: argparse.Namespace) -> int:
    from appliance.commands.devices_source import device_source
    from appliance.commands.devices_watch import watch
    from hal.discovery import enumerate_devices

    async with device_source(_configuration(arguments)) as source:
        found = await asyncio.to_thread(enumerate_devices)
        statuses = (await source.now()).devices
        tests = await _self_tests(source, statuses) if arguments.self_test else ()
        configured = [_plain(status) for status in statuses]
        if arguments.json:
            answer: dict[str, Any] = {"found": [_found(one) for one in found]}
            answer |= {"not_looked": list(found.reasons), "configured": configured}
            if arguments.self_test:
                answer["self_tests"] = [_plain(one) for one in tests]
            print_json(answer)
        else:
            _print_found(found)
            _print_configured(statuses)
            _print_tests(tests)
        if arguments.watch:
            statuses = await watch(source, statuses, found, as_json=arguments.json, seconds=arguments.seconds)
    ready = all(one.state in ("READY", "BUSY") for one in statuses)
    return 0 if ready and all(finding.passed for one in tests for finding in one.findings) else 1


def _configuration(arguments: argparse.Namespace) -> Any:
    from appliance.config import ConfigError, load_config

    path = arguments.config or (CONFIG if CONFIG.exists() else None)
    try:
        return None if path is None else (path, load_config(path))
    except ConfigError as error:
        raise CouldNot(str(error)) from error


async def _self_tests(source: Any, statuses: "tuple[DeviceStatus, ...]") -> "tuple[SelfTested, ...]":
    """Of every device that can; one that fails at it has failed it."""
    from appliance.contracts.capture import RunSelfTest, SelfTested
    from appliance.contracts.errors import ServiceError

    tests = []
    for status in statuses:
        if "self_test" in status.capabilities:
            try:
                tests.append(await source.self_test(RunSelfTest(key=status.key)))
            except ServiceError as error:
                tests.append(SelfTested.failed(status.key, str(error)))
    return tuple(tests)


def _found(one: Any) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "driver": one.driver,
        "key": one.key,
        "family": one.family.name,
        "node": one.node,
    }


def _plain(answer: "DeviceStatus | SelfTested") -> dict[str, Any]:
    import msgspec

    plain = msgspec.to_builtins(answer)
    assert isinstance(plain, dict)
    return plain


def _print_found(found: Any) -> None:
    print("Plugged in:")
    for one in found:
        driver = one.driver or "no driver yet"
        print(f"  {one.kind:<20} {driver:<14} {one.family.name}  {one.node or one.key}")
    if not len(found):
        print("  nothing that a driver of this version serves")
    for problem in found.reasons:
        print(f"  not looked at: {problem}")


def _print_configured(statuses: "tuple[DeviceStatus, ...]") -> None:
    if statuses:
        print("Configured:")
    for one in statuses:
        print(f"  {one.state:<8} {one.key}{_details(one)}")


def _details(status: "DeviceStatus") -> str:
    """What there is to say of it, in a line."""
    said = [" (simulated)"] if status.simulated else []
    if status.firmware:
        said.append(f", firmware {status.firmware}")
    if status.p95_seconds is not None:
        said.append(f", {status.successes} done, 95 % within {status.p95_seconds * 1000:.0f} ms")
    if status.failures:
        said.append(f", {status.failures} failed, last {status.last_error}")
    if status.power is not None:
        charge = status.power.charge_percent
        said.append(f", {'on battery' if status.power.on_mains is False else 'on mains'}")
        said.append("" if charge is None else f" {charge} %")
    if status.problem:
        said.append(f": {status.problem}")
    return "".join(said)


def _print_tests(tests: "tuple[SelfTested, ...]") -> None:
    for test in tests:
        print(f"Self-test of {test.key}:")
        for finding in test.findings:
            print(f"  {'✓' if finding.passed else '✗'} {finding.name} {finding.value}")
