"""A chip with every scheme, for the tests of reading it."""

from appliance.chip.blocks import LearnedManners
from appliance.chip.reader import ChipFiles, read_chip
from appliance.simulation.chip.card import VirtualChip
from appliance.simulation.chip.files import build_files, mrz_information_of
from appliance.simulation.chip.misbehaviour import Misbehaviour
from appliance.simulation.chip.secrets import ChipSecrets, StaticKey, chip_authentication_info, pace_info
from appliance.simulation.chip.signing import ec_signing
from appliance.simulation.portraits import draw_portrait

MRZ_LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
PICTURE = draw_portrait(3)
SECRETS = ChipSecrets(
    pace=(pace_info(),),
    can="123456",
    chip_authentication=(chip_authentication_info(),),
    static_keys=(StaticKey.generate(12),),
    active_authentication=ec_signing(),
)
FILES = build_files(mrz_lines=MRZ_LINES, picture=PICTURE, secrets=SECRETS)
MRZ_INFORMATION = mrz_information_of(FILES)
CHALLENGE = bytes.fromhex("0102030405060708")


def chip(
    misbehaviour: Misbehaviour = Misbehaviour.NONE, *, secrets: ChipSecrets = SECRETS, **changes: bytes
) -> VirtualChip:
    files = (
        FILES if secrets is SECRETS else build_files(mrz_lines=MRZ_LINES, picture=PICTURE, secrets=secrets)
    )
    return VirtualChip(
        {**files, **changes},
        mrz_information=MRZ_INFORMATION,
        secrets=secrets,
        misbehaviour=misbehaviour,
        slow_seconds=0.02,
    )


def read(one: VirtualChip, **settings) -> ChipFiles:
    """A reading that has learned nothing from the other tests."""
    settings = {"mrz_information": MRZ_INFORMATION, "learned": LearnedManners(), **settings}
    return read_chip(one.transmit, **settings)
