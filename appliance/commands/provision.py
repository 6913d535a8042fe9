"""`borne provision`: the box's own keys, and what a card or a stick says (borne-card, borne-keys,
borne-provision, borne-enrol)."""

import argparse
from pathlib import Path

from appliance.commands import provision_enrol
from appliance.commands.output import CouldNot, add_json_flag, print_json

IDENTITY = provision_enrol.IDENTITY
CARD = Path("/boot/borne")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    provision = subparsers.add_parser("provision", help="claim token in, keys and certificate request out")
    actions = provision.add_subparsers(metavar="WHAT", required=True)

    read = actions.add_parser("read", help="what device.toml wants of the box's keys, for `keys`")
    read.add_argument("--identity", type=Path, default=IDENTITY, help=f"default {IDENTITY}")
    read.add_argument("--card", type=Path, default=CARD, help=f"the partition; default {CARD}")
    read.set_defaults(run=_read)

    keys = actions.add_parser("keys", help="make the box's own keys, and lay out their public halves")
    keys.add_argument("--identity", type=Path, default=IDENTITY, help=f"default {IDENTITY}")
    keys.set_defaults(run=_keys)

    card = actions.add_parser("card", help="do what device.toml and answer.cose say; write request.json")
    card.add_argument("--identity", type=Path, default=IDENTITY, help=f"default {IDENTITY}")
    card.add_argument("--card", type=Path, default=CARD, help=f"the partition; default {CARD}")
    card.add_argument(
        "--answers",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="where central's answer may lie too: what came by network, a stick",
    )
    card.add_argument(
        "--time-sources", type=Path, metavar="FOLDER", help="of the time daemon (image: /run/chrony.d)"
    )
    card.add_argument("--post", type=Path, metavar="FILE", help="what `borne post take` has said")
    card.add_argument("--page", type=Path, metavar="FILE", help="HTML for the screen of a box without a name")
    add_json_flag(card)
    card.set_defaults(run=_card)
    provision_enrol.add_to(actions)


def _read(arguments: argparse.Namespace) -> int:
    """0: the keys know what the card wants of them; 1: nothing, or it has a mistake (`card` says it)."""
    from appliance.services.agent.device_file import write_wanted

    try:
        return 0 if write_wanted(arguments.card, arguments.identity) else 1
    except OSError as error:
        raise CouldNot(f"{error.filename or arguments.identity}: {error.strerror}.") from error


def _keys(arguments: argparse.Namespace) -> int:
    """0: they are there, made now if need be; 1: not as the card wants them (`card` says it)."""
    from appliance.commands.provision_keys import make_keys

    made = make_keys(arguments.identity)
    if made.problem:
        print(f"borne: {made.problem}")
    return 1 if made.problem else 0


def _card(arguments: argparse.Namespace) -> int:
    """0: provisioned, or nothing to do; 1: central must answer, or a file is wrong; 2: no use of the card."""
    from appliance.config import ConfigError
    from appliance.contracts.post_joining import read_report
    from appliance.services.agent.device_file import CONFIGURATION
    from appliance.services.agent.first_page import first_page
    from appliance.services.agent.provisioning import Provisioning
    from appliance.services.agent.time_sources import write_time_sources
    from appliance.whole_files import write_whole

    try:
        provisioning = Provisioning(
            card=arguments.card, identity=arguments.identity, answers=arguments.answers
        )
        result = provisioning.look()
        if arguments.page is not None:
            write_whole(
                arguments.page,
                first_page(
                    result.code,
                    result.sentence,
                    provisioning.asked,
                    by_network=provisioning.by_network,
                    post=read_report(arguments.post) if arguments.post is not None else None,
                ).encode(),
                mode=0o644,
            )
        configuration = arguments.identity / CONFIGURATION
        if arguments.time_sources is not None and configuration.exists():
            write_time_sources(configuration, arguments.time_sources)
    except ConfigError as error:
        raise CouldNot(str(error)) from error
    except OSError as error:
        raise CouldNot(f"{error.filename or arguments.card}: {error.strerror}.") from error
    if arguments.json:
        print_json({"code": result.code, "sentence": result.sentence})
    else:
        print(f"borne: {result.code}: {result.sentence}")
    return 0 if result.code in {"done", "unchanged"} else 1
