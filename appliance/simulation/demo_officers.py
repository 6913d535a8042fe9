"""Officers for a demo: invented, named so, each with a PIN that is drawn at every start and told once.

With them the second line can be opened. Nobody has to log in for it: the policy that ships asks for no login.
"""

import secrets
from typing import Final

from appliance.config import Config, Profile
from appliance.contracts.officers import Role
from appliance.key_files import KeyFileError
from appliance.records.errors import StorageError
from appliance.records.keys import load_box_keys
from appliance.records.officers import MIN_PIN, Officers
from appliance.simulation.world import WorldUnavailable

OFFICERS: Final = {
    "Simulated officer": frozenset({Role.OFFICER, Role.SECOND_LINE}),
    "Simulated supervisor": frozenset({Role.SUPERVISOR}),
    "Simulated technician": frozenset({Role.TECHNICIAN}),
}


def name_officers(config: Config) -> dict[str, str]:
    """Put them into the box's book of officers, with new PINs; PINs by name.

    Raises:
        WorldUnavailable: the box is no demo, or the book is not on disk.
    """
    if config.box.profile is not Profile.DEMO:
        raise WorldUnavailable(
            f"Simulated officers are for a demo, and this box's profile is {config.box.profile.value}."
        )
    pins = {name: "".join(secrets.choice("0123456789") for _ in range(MIN_PIN)) for name in OFFICERS}
    try:
        book = Officers(config.paths.data, load_box_keys(config.paths.keys).storage)
        for name, pin in pins.items():
            book.add(name, pin, OFFICERS[name])
    except (KeyFileError, StorageError) as error:
        raise WorldUnavailable(str(error)) from error
    return pins
