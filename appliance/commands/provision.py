"""`borne provision`: the box's own keys, and what a card or a stick says (borne-keys, borne-provision)."""

import argparse
from pathlib import Path

from appliance.commands.output import CouldNot, add_json_flag, print_json

IDENTITY = Path("/etc/borne")
CARD = Path("/boot/borne")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to `borne`."""
    provision = subparsers.add_parser("provision", help="claim token in, keys and certificate request out")
    actions = provision.add_subparsers(metavar="WHAT", required=True)

    keys = actions.add_parser("keys", help="make the box's own keys, and lay out their public halves")
    keys.add_argument("--identity", type=Path, default=IDENTITY, help=f"default {IDENTITY}")
    keys.set_defaults(run=_keys)

    card = actions.add_parser("card", help="do what device.toml and answer.cose say; write request.json")
    card.add_argument("--identity", type=Path, default=IDENTITY, help=f"default {IDENTITY}")
    card.add_argument("--card", type=Path, default=CARD, help=f"the partition or a stick; default {CARD}")
    card.add_argument(
        "--time-sources", type=Path, metavar="FOLDER", help="of the time daemon (image: /run/chrony.d)"
    )
    card.add_argument("--page", type=Path, metavar="FILE", help="HTML for the screen of a box without a name")
    add_json_flag(card)
    card.set_defaults(run=_card)


def _keys(arguments: argparse.Namespace) -> int:
    """0: they are there; made now if need be."""
    from appliance.key_files import KeyFileError, write_key
    from appliance.records.keys import load_box_keys

    public = arguments.identity / "public"
    try:
        own = load_box_keys(arguments.identity / "keys")
        public.mkdir(exist_ok=True)
        # signing.pub last: where it is, all is done
        for name, key in (("sealing", own.sealing.public_key), ("signing", own.signing.verify_key)):
            (public / f"{name}.pub").unlink(missing_ok=True)
            write_key(public / f"{name}.pub", key)
            (public / f"{name}.pub").chmod(0o644)  # whatever the umask
    except KeyFileError as error:
        raise CouldNot(str(error)) from error
    except OSError as error:
        raise CouldNot(f"{public} cannot be written ({error.strerror}).") from error
    return 0


def _card(arguments: argparse.Namespace) -> int:
    """0: provisioned, or nothing to do; 1: central must answer, or a file is wrong; 2: no use of the card."""
    from appliance.config import ConfigError
    from appliance.services.agent.first_page import first_page
    from appliance.services.agent.provisioning import CONFIGURATION, Provisioning
    from appliance.services.agent.time_sources import write_time_sources
    from appliance.whole_files import write_whole

    try:
        provisioning = Provisioning(card=arguments.card, identity=arguments.identity)
        result = provisioning.look()
        if arguments.page is not None:
            write_whole(
                arguments.page,
                first_page(result.code, result.sentence, provisioning.asked).encode(),
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
