"""Our own virtual chip: in-process for unit tests, behind pcscd's virtual reader for demo and training."""

from appliance.simulation.chip.card import VirtualChip
from appliance.simulation.chip.files import UnusableFiles, build_files, load_folder, mrz_information_of
from appliance.simulation.chip.misbehaviour import Misbehaviour
from appliance.simulation.chip.timing import contactless, no_delay

__all__ = [
    "Misbehaviour",
    "UnusableFiles",
    "VirtualChip",
    "build_files",
    "contactless",
    "load_folder",
    "mrz_information_of",
    "no_delay",
]
