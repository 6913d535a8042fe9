"""`borne demo`: the whole house on one machine, with simulated devices and invented travellers."""

import argparse
from pathlib import Path

from appliance.commands.output import CouldNot, add_json_flag

MAX_PORT = 65535


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    demo = subparsers.add_parser("demo", help="all four services, broker and receiver, simulated devices")
    demo.add_argument(
        "--headless", action="store_true", help="no screen, no person: a script presses the button"
    )
    demo.add_argument("--travellers", type=int, default=4, metavar="N", help="how many, with --headless")
    demo.add_argument("--realistic", action="store_true", help="devices as slow as real ones")
    demo.add_argument(
        "--serial", metavar="PORT", help="an MRZ reader on this serial port, instead of a simulated one"
    )
    demo.add_argument("--reader", metavar="NAME", help="this PC/SC reader, instead of the virtual one")
    demo.add_argument(
        "--camera", metavar="FILE|DEVICE", help="this camera or picture, instead of a simulated one"
    )
    demo.add_argument(
        "--page-camera",
        nargs="?",
        const="drawn",
        metavar="FILE|DEVICE",
        help="a camera reads the page, instead of an MRZ reader; alone: of pages drawn for each traveller",
    )
    demo.add_argument(
        "--chip", type=Path, metavar="FOLDER", help="the virtual chip holds the files of this folder"
    )
    demo.add_argument("--port", type=_port, default=8080, help="of the kiosk; 0 takes a free one")
    demo.add_argument("--language", choices=("en", "fr", "ru"), default="en")
    demo.add_argument("--data", type=Path, metavar="FOLDER", help="keep everything here and go on with it")
    demo.add_argument(
        "--database",
        metavar="URL",
        help="central's database, as postgresql+psycopg://user@host/name; otherwise SQLite beside the rest",
    )
    add_json_flag(demo)
    demo.set_defaults(run=run_demo)


def _port(text: str) -> int:
    if not 0 <= int(text) <= MAX_PORT:
        raise ValueError("out of range")
    return int(text)


_port.__name__ = "port"
"""What argparse calls it in "invalid ... value"."""


def run_demo(arguments: argparse.Namespace) -> int:
    """0: with --headless, every record was acknowledged; 1: one was not; 2: the demo cannot run here."""
    from appliance.opening import CannotStart
    from appliance.simulation.broker import BrokerUnavailable
    from appliance.simulation.chip import UnusableFiles
    from appliance.simulation.demo import Demo, DemoSettings
    from appliance.simulation.pages import CannotDraw
    from appliance.simulation.world import WorldUnavailable

    if arguments.travellers < 1:
        raise CouldNot("--travellers is at least 1.")
    settings = DemoSettings(
        headless=arguments.headless,
        travellers=arguments.travellers,
        realistic=arguments.realistic,
        serial=arguments.serial,
        reader=arguments.reader,
        camera=arguments.camera,
        page_camera=arguments.page_camera,
        chip=arguments.chip,
        port=arguments.port,
        language=arguments.language,
        folder=arguments.data,
        json=arguments.json,
        database=arguments.database,
    )
    try:
        return Demo(settings).run()
    except (BrokerUnavailable, CannotDraw, CannotStart, UnusableFiles, WorldUnavailable) as error:
        raise CouldNot(str(error)) from error
