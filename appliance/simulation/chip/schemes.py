"""A scheme for each scripted traveller, so that the demo's chips are as various as a queue's."""

from collections.abc import Callable

from appliance.simulation.chip.secrets import (
    ChipSecrets,
    StaticKey,
    chip_authentication_info,
    pace_info,
)
from appliance.simulation.chip.signing import ec_signing


def today() -> ChipSecrets:
    """What most states issue now: PACE and Chip Authentication over NIST's P-256."""
    return ChipSecrets(
        pace=(pace_info("GM", "AES-128", 12),),
        chip_authentication=(chip_authentication_info("AES-128", 12),),
        static_keys=(StaticKey.generate(12),),
    )


def mapping() -> ChipSecrets:
    """PACE with Chip Authentication Mapping, and generic mapping for those who lack it."""
    return ChipSecrets(
        pace=(pace_info("CAM", "AES-128", 13), pace_info("GM", "AES-128", 13)),
        chip_authentication=(chip_authentication_info("AES-128", 13),),
        static_keys=(StaticKey.generate(13),),
        bac=False,
    )


def signing() -> ChipSecrets:
    """PACE with Active Authentication."""
    return ChipSecrets(
        pace=(pace_info("GM", "AES-256", 13),),
        active_authentication=ec_signing("brainpoolP256r1", "sha256"),
    )


def integrated() -> ChipSecrets:
    """Integrated mapping, as some states chose it."""
    return ChipSecrets(pace=(pace_info("IM", "AES-128", 12),), active_authentication=ec_signing())


def old() -> ChipSecrets:
    """A chip of the first years: BAC, and nothing that proves it."""
    return ChipSecrets()


SCHEMES: tuple[Callable[[], ChipSecrets], ...] = (today, mapping, signing, integrated, old)


def scheme_of(number: int) -> ChipSecrets:
    """The traveller's chip of this number, from 1; its keys are new each time."""
    return SCHEMES[(number - 1) % len(SCHEMES)]()
