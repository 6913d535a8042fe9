"""Receipt printers: a page of dots on a roll of paper. What is on it was drawn by whoever asks."""

from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hal.device import DeviceView, NotSupported

MAX_ROWS: Final = 4000
"""Half a metre of paper at 8 dots a millimetre."""


@runtime_checkable
class Printer(DeviceView, Protocol):
    """A printer that takes rows of dots."""

    @property
    def dots(self) -> int:
        """Across the paper; a multiple of 8."""

    def print_page(self, page: npt.NDArray[np.bool_], timeout: float) -> None:
        """The page is on paper when this returns; it is (rows, dots), True is black.

        What could not be printed whole is not printed later: it may be of a traveller who has gone.

        Raises:
            Timeout: it was not ready within `timeout` seconds (no paper, cover open), or not done in time.
            Unreadable: it said what no printer says.
            NotSupported: the page is not as wide as the paper, or longer than MAX_ROWS.
            DeviceError: the printer is gone, held by another, or broken.
        """


def check_page(page: npt.NDArray[np.bool_], dots: int) -> None:
    """Refuse a page that does not fit this paper.

    Raises:
        NotSupported: with what would fit.
    """
    if page.ndim != 2 or page.dtype != np.bool_ or not 0 < len(page) <= MAX_ROWS or page.shape[1] != dots:
        raise NotSupported(f"A page for this printer is {dots} dots wide and at most {MAX_ROWS} rows long.")
