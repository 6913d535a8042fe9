"""A page of dots as it comes over the socket, for the receipt printer."""

import numpy as np
import numpy.typing as npt

from appliance.contracts.errors import ServiceError
from appliance.contracts.printing import PrintPage
from hal.printer import MAX_ROWS


def page_of(request: PrintPage) -> npt.NDArray[np.bool_]:
    """The dots, (rows, dots), True is black.

    Raises:
        ServiceError: bad_request: the rows are not of this width, or too many.
    """
    width = request.dots // 8
    if request.dots % 8 or width < 1 or not request.rows or len(request.rows) % width:
        raise ServiceError("bad_request", "The rows of this page are not as wide as it says.")
    if len(request.rows) // width > MAX_ROWS:
        raise ServiceError("bad_request", f"A page has at most {MAX_ROWS} rows.")
    rows = np.frombuffer(request.rows, np.uint8).reshape(-1, width)
    return np.unpackbits(rows, axis=1).astype(np.bool_)
