"""`device.toml`: what a technician puts on the card, and what of it the maker of the box's keys must know."""

import os
from pathlib import Path
from typing import Final

import msgspec

from appliance.config import (
    Box,
    ConfigError,
    DeviceEntry,
    Kiosk,
    PostNetwork,
    Protection,
    Retention,
    TimeSources,
    load_config,
    load_toml,
)
from appliance.contracts.provisioning import (
    DEVICE_FILE,
    Door,
    Hex32,
    Pins,
    Token,
    Wanted,
    split_door,
    token_hash,
)
from appliance.face_settings import FaceSettings
from appliance.finger_settings import FingerSettings
from appliance.whole_files import write_whole

CONFIGURATION: Final = "borne.toml"
WANTED: Final = "wanted.json"
"""In /etc/borne: written from the card before the keys are made, so that they are made where they belong."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The right to enrol once, and whose answer to believe."""

    token: Token
    central_key: Hex32
    """Central's provisioning key (`borne-central keys` makes it): its answers are signed with it."""
    door: Door | None = None
    """Where central takes requests by network; None: the request leaves on the card or as a QR code."""
    pins: Pins = ()
    """The door's public keys: with no other one the box speaks, whoever has vouched for it."""

    def __post_init__(self) -> None:
        if (self.door is None) != (not self.pins):
            raise ValueError("claim.door and claim.pins go together")
        if self.door is not None:
            split_door(self.door)


class DeviceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`device.toml`: what `borne.toml` has too, and the claim."""

    box: Box
    claim: Claim
    kiosk: Kiosk = Kiosk()
    face: FaceSettings = FaceSettings()
    finger: FingerSettings = FingerSettings()
    retention: Retention = Retention()
    protection: Protection = Protection()
    post: PostNetwork | None = None
    time: TimeSources = TimeSources()
    device: tuple[DeviceEntry, ...] = ()


def read_device_file(card: Path, identity: Path) -> DeviceFile:
    """The card's file, checked against its schema, and against how this box's keys are kept already.

    Raises:
        ConfigError: there is none, or it has a mistake; with its line.
    """
    path = card / DEVICE_FILE
    device = load_toml(path, DeviceFile)
    present = _present_protection(identity)
    if present is not None and present.keys is not device.protection.keys:
        raise ConfigError(
            f"{path}: protection.keys is {device.protection.keys.value}, but this box's keys are made "
            f"already: they are {present.keys.value}."
        )
    return device


def write_wanted(card: Path, identity: Path) -> bool:
    """What the maker of the keys must know; False, and no file, where the card holds nothing of use.

    Raises:
        OSError: it cannot be written.
    """
    target = identity / WANTED
    try:
        device = read_device_file(card, identity)
    except ConfigError:
        target.unlink(missing_ok=True)  # `provision card` says what is wrong
        return False
    wanted = Wanted(
        device=device.box.device,
        token_hash=token_hash(device.claim.token),
        tier=device.protection.keys.value,
        tpm=device.protection.tpm,
        board_key=device.protection.board_key,
    )
    write_whole(target, msgspec.json.encode(wanted, enc_hook=os.fspath), mode=0o644)
    return True


def _present_protection(identity: Path) -> Protection | None:
    if not (identity / CONFIGURATION).exists():
        return None
    try:
        return load_config(identity / CONFIGURATION).protection
    except ConfigError:
        return None  # then it is what the new one mends
