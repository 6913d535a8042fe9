"""`borne time`: a satellite receiver's time for the time daemon, and the daemon's word for the records."""

import argparse
from pathlib import Path

from appliance.commands.output import CouldNot, add_json_flag, print_json

CONFIG = Path("/etc/borne/borne.toml")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    clock = subparsers.add_parser("time", help="where the box's time comes from")
    actions = clock.add_subparsers(metavar="WHAT", required=True)
    feed = actions.add_parser("feed", help="hand a satellite receiver's time to the time daemon (borne-gnss)")
    feed.add_argument("--config", type=Path, default=CONFIG, help=f"default {CONFIG}")
    feed.add_argument("--socket", type=Path, help="chrony's; default as the image has it")
    feed.set_defaults(run=_feed)
    watch = actions.add_parser("watch", help="write down what the time daemon follows (borne-clock)")
    watch.add_argument("--file", type=Path, help="default as the image has it")
    watch.set_defaults(run=_watch)
    status = actions.add_parser("status", help="what was written down last")
    status.add_argument("--file", type=Path, help="default as the image has it")
    add_json_flag(status)
    status.set_defaults(run=_status)


def _feed(arguments: argparse.Namespace) -> int:
    """Until the line goes; systemd starts it again."""
    from appliance.clock import linux
    from appliance.config import ConfigError, load_config
    from appliance.gnss_time import SOCKET, Guard, feed
    from hal.device import HalError
    from hal.gnss.serial_line import sentences

    try:
        receiver = load_config(arguments.config).time.gnss
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    if receiver is None:
        return 0  # nothing to do: systemd leaves it alone
    guard = Guard(own_clock=linux().set_from_rtc(), delay_seconds=receiver.delay_ms / 1000)
    try:
        feed(sentences(receiver.port, receiver.baud), guard, arguments.socket or SOCKET)
    except HalError as error:
        raise CouldNot(str(error)) from error
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    from appliance.time_followed import FILE, watch

    try:
        watch(arguments.file or FILE)
    except OSError as error:
        raise CouldNot(f"What the time daemon follows cannot be written ({error.strerror}).") from error
    return 0


def _status(arguments: argparse.Namespace) -> int:
    """0: something is followed; 1: nothing."""
    import time

    from appliance.time_followed import FILE, read_followed

    said = read_followed(arguments.file or FILE, boottime=time.clock_gettime(time.CLOCK_BOOTTIME))
    source, name = (said.source, said.name) if said is not None else ("", "")
    if arguments.json:
        print_json({"source": source, "name": name})
    else:
        print(f"{source} {name}" if source else "nothing")
    return 0 if source else 1
