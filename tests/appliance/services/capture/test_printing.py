"""A page of dots through the capture service onto the printer."""

import asyncio

import numpy as np
import pytest

from appliance.contracts.capture import Nothing
from appliance.contracts.errors import ServiceError
from appliance.contracts.printing import PrintPage
from appliance.services.capture.service import CaptureService
from hal.printer import MAX_ROWS
from hal.printer.simulated import Options, SimulatedPrinter


def test_ok__a_page_as_it_was_drawn() -> None:
    printer = SimulatedPrinter(Options(dots=384))
    service = CaptureService((printer,))
    page = np.random.default_rng(1).random((20, 384)) < 0.5
    request = PrintPage(rows=np.packbits(page, axis=1).tobytes(), dots=384)
    asyncio.run(service.print_page(request))
    assert printer.page is not None
    assert (printer.page == page).all()
    (status,) = asyncio.run(service.devices(Nothing())).devices
    assert (status.print_dots, status.capabilities) == (384, ("print",))


@pytest.mark.parametrize(
    ("rows", "dots", "code"),
    [
        (b"", 384, "bad_request"),
        (b"x" * 47, 384, "bad_request"),
        (b"x" * 48, 0, "bad_request"),
        (b"x" * 48, -384, "bad_request"),
        (b"x" * 48, 383, "bad_request"),
        (b"x" * (48 * (MAX_ROWS + 1)), 384, "bad_request"),
        (b"x" * 72, 576, "device_error"),
    ],
)
def test_fail__a_page_that_is_none(rows: bytes, dots: int, code: str) -> None:
    printer = SimulatedPrinter(Options(dots=384))
    with pytest.raises(ServiceError) as caught:
        asyncio.run(CaptureService((printer,)).print_page(PrintPage(rows=rows, dots=dots)))
    assert caught.value.code == code
    assert printer.page is None


def test_fail__no_printer() -> None:
    with pytest.raises(ServiceError) as caught:
        asyncio.run(CaptureService(()).print_page(PrintPage(rows=b"x" * 48, dots=384)))
    assert caught.value.code == "no_device"
