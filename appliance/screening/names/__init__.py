"""Names: parts in the MRZ's alphabet, their sounds, and how much two names speak for one person. Pure."""

from appliance.screening.names.alignment import Alignment, align
from appliance.screening.names.parts import MAX_PARTS, PersonName, parts_of
from appliance.screening.names.sounds import phones_of, skeleton_of

__all__ = ["MAX_PARTS", "Alignment", "PersonName", "align", "parts_of", "phones_of", "skeleton_of"]
