"""Framings of serial document readers: one file each; a new one is a file and a line in `make_deframer`."""

from collections.abc import Callable
from typing import Literal

from hal.document_reader.framing.auto import AutoDeframer
from hal.document_reader.framing.base import ETX, STX, Damaged, Deframer, Outcome
from hal.document_reader.framing.cr_lines import LinesDeframer
from hal.document_reader.framing.delimited import DelimitedDeframer
from hal.document_reader.framing.elyctis import ElyctisDeframer
from hal.document_reader.framing.rte_native import RteCheck, RteNativeDeframer

__all__ = ["Damaged", "Deframer", "ElyctisDeframer", "FramingName", "Outcome", "RteCheck", "make_deframer"]

FramingName = Literal["auto", "stx_etx", "cr_lines", "desko", "access_is", "rte_native", "elyctis"]


def make_deframer(
    name: FramingName,
    *,
    start_of_data: bytes = b"",
    end_of_data: bytes = b"",
    rte_check: RteCheck = "xor_after_soh",
) -> Deframer:
    """The deframer of this name; the two delimiters are DESKO's, as its configuration sets them."""
    makers: dict[FramingName, Callable[[], Deframer]] = {
        "auto": lambda: AutoDeframer(rte_check=rte_check),
        "stx_etx": lambda: DelimitedDeframer("stx_etx"),
        "cr_lines": LinesDeframer,
        "desko": lambda: DelimitedDeframer(
            "desko", start=start_of_data + bytes([STX]), end=bytes([ETX]) + end_of_data
        ),
        "access_is": lambda: DelimitedDeframer("access_is", symbology=True),
        "rte_native": lambda: RteNativeDeframer(check=rte_check),
        "elyctis": ElyctisDeframer,
    }
    return makers[name]()
