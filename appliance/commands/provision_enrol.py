"""`borne provision enrol`: the request to central's door, by network (borne-enrol)."""

import argparse
from pathlib import Path

from appliance.commands.output import CouldNot

IDENTITY = Path("/etc/borne")
FOLDER = Path("/var/lib/borne-uplink/enrolment")


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to `borne provision`."""
    enrol = actions.add_parser("enrol", help="ask central by network, until it answers or refuses")
    enrol.add_argument("--identity", type=Path, default=IDENTITY, help=f"default {IDENTITY}")
    enrol.add_argument("--folder", type=Path, default=FOLDER, help=f"for the answer; default {FOLDER}")
    enrol.add_argument("--page", type=Path, metavar="FILE", help="HTML inside the first page")
    enrol.set_defaults(run=_enrol)


def _enrol(arguments: argparse.Namespace) -> int:
    """0: the answer is there; 1: central's door refuses; 2: could not."""
    import msgspec

    from appliance.contracts.provisioning import MAX_FILE_BYTES, DoorWord, Errand
    from appliance.services.agent.provisioning import ERRAND
    from appliance.services.uplink.enrolling import run_errand
    from appliance.services.uplink.enrolling_page import enrolling_page
    from appliance.whole_files import write_whole

    def said(word: DoorWord) -> None:
        if arguments.page is not None:
            write_whole(arguments.page, enrolling_page(word).encode(), mode=0o644)
        print(f"borne: {word.code}: {word.sentence}", flush=True)

    try:
        with (arguments.identity / ERRAND).open("rb") as file:
            errand = msgspec.json.decode(file.read(MAX_FILE_BYTES), type=Errand)
        return 0 if run_errand(errand, arguments.folder, said=said) else 1
    except msgspec.MsgspecError as error:
        raise CouldNot(f"{ERRAND} is no errand: {error}.") from error
    except OSError as error:
        raise CouldNot(f"{error.filename or arguments.folder}: {error.strerror}.") from error
