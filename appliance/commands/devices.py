"""`borne devices`: what is plugged in, which driver would serve it, and how the configured ones fare."""

import argparse
from pathlib import Path
from typing import Any

from appliance.commands.output import CouldNot, add_json_flag, print_json

CONFIG = Path("/etc/borne/borne.toml")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    devices = subparsers.add_parser("devices", help="what is plugged in, its state and health")
    devices.add_argument("--config", type=Path, default=None, help=f"default {CONFIG}, when it is there")
    add_json_flag(devices)
    devices.set_defaults(run=show_devices)


def show_devices(arguments: argparse.Namespace) -> int:
    """0: every configured device is ready, 1: one is not, 2: the configuration cannot be used."""
    from hal.discovery import enumerate_devices

    found = enumerate_devices()
    configured = _configured(arguments.config or (CONFIG if CONFIG.exists() else None))
    if arguments.json:
        plugged = [
            {
                "kind": one.kind,
                "driver": one.driver,
                "key": one.key,
                "family": one.family.name,
                "node": one.node,
            }
            for one in found
        ]
        print_json({"found": plugged, "not_looked": list(found.reasons), "configured": configured})
    else:
        _print_found(found)
        _print_configured(configured)
    return 0 if all(one["state"] == "READY" for one in configured) else 1


def _configured(path: Path | None) -> list[dict[str, Any]]:
    """Each configured device, opened once to see whether it answers."""
    from appliance.config import ConfigError, load_config
    from appliance.opening import CannotStart
    from appliance.wiring import make_devices
    from hal.device import HalError

    if path is None:
        return []
    try:
        devices = make_devices(load_config(path))
    except CannotStart as error:
        raise CouldNot(error.in_file(path)) from error
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    answers = []
    for device in devices:
        problem = ""
        try:
            device.open()
        except HalError as error:
            problem = str(error)
        answers.append(
            {
                "key": device.identity.key,
                "model": device.identity.model,
                "state": device.state.value,
                "simulated": device.simulated,
                "capabilities": sorted(capability.value for capability in device.capabilities),
                "problem": problem,
            }
        )
        device.close()
    return answers


def _print_found(found: Any) -> None:
    print("Plugged in:")
    for one in found:
        driver = one.driver or "no driver yet"
        print(f"  {one.kind:<20} {driver:<14} {one.family.name}  {one.node or one.key}")
    if not len(found):
        print("  nothing that a driver of this version serves")
    for problem in found.reasons:
        print(f"  not looked at: {problem}")


def _print_configured(configured: list[dict[str, Any]]) -> None:
    if configured:
        print("Configured:")
    for one in configured:
        simulated = " (simulated)" if one["simulated"] else ""
        print(f"  {one['state']:<8} {one['key']}{simulated} {one['problem']}")
