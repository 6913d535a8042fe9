"""Central's own keys: records are sealed to one, the others sign what is acknowledged and sent to boxes."""

from dataclasses import dataclass
from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.cose import key_id
from appliance.key_files import read_key, write_key

SEALING, WATERMARK, REFERENCE = "sealing", "watermark", "reference"
OPERATOR = "operator"
GATEWAY_SEALING, GATEWAY_SIGNING = "gateway-sealing", "gateway-signing"


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What the receiver needs; the reference key stays with whoever issues lists."""

    sealing: PrivateKey
    watermark: SigningKey
    earlier: tuple[PrivateKey, ...] = ()
    """Sealing keys that were used before: a box that was away for weeks has sealed to one of them."""

    def sealing_for(self, recipient: bytes) -> PrivateKey:
        """The key that has this id, or the present one, with which opening then fails."""
        every = (self.sealing, *self.earlier)
        return next((key for key in every if key_id(key.public_key) == recipient), self.sealing)


@dataclass(frozen=True, slots=True, repr=False)
class GatewayKeys:
    """Live queries are sealed to the one; the other signs answers."""

    sealing: PrivateKey
    signing: SigningKey


def create_keys(folder: Path, *, only_missing: bool = False) -> None:
    """New keys, secret halves readable by their owner alone; existing ones are never overwritten.

    `only_missing` passes over those that are there, for a folder of an earlier version.

    Raises:
        KeyFileError: one is there already, or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (SEALING, GATEWAY_SEALING):
        if only_missing and (folder / f"{name}.key").exists():
            continue
        sealing = PrivateKey.generate()
        write_key(folder / f"{name}.key", sealing)
        write_key(folder / f"{name}.pub", sealing.public_key)
    for name in (WATERMARK, REFERENCE, GATEWAY_SIGNING, OPERATOR):
        if only_missing and (folder / f"{name}.key").exists():
            continue
        key = SigningKey.generate()
        write_key(folder / f"{name}.key", key)
        write_key(folder / f"{name}.pub", key.verify_key)


def load_keys(folder: Path) -> Keys:
    """The receiver's keys; earlier sealing keys lie beside the present one as `sealing-*.key`.

    Raises:
        KeyFileError: a file is missing, is not a key, or others can read it.
    """
    return Keys(
        sealing=read_key(folder / f"{SEALING}.key", PrivateKey),
        watermark=read_key(folder / f"{WATERMARK}.key", SigningKey),
        earlier=tuple(read_key(path, PrivateKey) for path in sorted(folder.glob(f"{SEALING}-*.key"))),
    )


def load_operator_key(folder: Path) -> SigningKey:
    """The key that commands are signed with: of another role than the receiver's.

    Raises:
        KeyFileError: it is missing, is not a key, or others can read it.
    """
    return read_key(folder / f"{OPERATOR}.key", SigningKey)


def load_gateway_keys(folder: Path) -> GatewayKeys:
    """The gateway's keys.

    Raises:
        KeyFileError: a file is missing, is not a key, or others can read it.
    """
    return GatewayKeys(
        sealing=read_key(folder / f"{GATEWAY_SEALING}.key", PrivateKey),
        signing=read_key(folder / f"{GATEWAY_SIGNING}.key", SigningKey),
    )
