"""Whole pictures: read at any turn, flagged where doubtful, and nothing made of what is no MRZ."""

import cv2
import numpy as np
import pytest
from mrz_drawn import LINES, TODAY, grey, page, turned

from appliance.services.capture.page_picture import MAX_PAGE_BYTES, debug_picture, page_jpeg
from appliance.services.capture.page_reader import Hint, PageReader


@pytest.fixture(scope="module")
def reader() -> PageReader:
    return PageReader()


def lines_of(reading):
    return None if reading.optical is None else reading.optical.lines


@pytest.mark.parametrize("degrees", [0, 7, 90, 133, 180, 270])
def test_ok__at_any_turn(reader: PageReader, degrees: int) -> None:
    reading = reader.read(turned(page(), degrees), today=TODAY)
    assert lines_of(reading) == LINES
    assert reading.certain
    assert reading.hint is Hint.NONE


@pytest.mark.parametrize("width", [420, 700, 2600])
def test_ok__small_and_large(reader: PageReader, width: int) -> None:
    picture = page()
    scale = width / picture.shape[1]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    reading = reader.read(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how), today=TODAY)
    assert lines_of(reading) == LINES


def test_ok__grey_is_enough(reader: PageReader) -> None:
    assert lines_of(reader.read(grey(page()), today=TODAY)) == LINES


def test_ok__a_printed_wrong_check_digit_is_read_and_not_repaired(reader: PageReader) -> None:
    wrong = (LINES[0], LINES[1][:9] + str((int(LINES[1][9]) + 4) % 10) + LINES[1][10:])
    reading = reader.read(page(wrong), today=TODAY)
    assert lines_of(reading) == wrong
    assert not reading.certain
    failed = {check.id for check in reading.mrz.checks if not check.passed}
    assert failed == {"mrz.document_number_check_digit", "mrz.composite_check_digit"}


def test_ok__the_lower_line_covered_is_no_mrz(reader: PageReader) -> None:
    picture = page(seed=3)
    corners = reader.read(picture, today=TODAY).zone.outline()
    picture = picture.copy()
    cv2.fillConvexPoly(
        picture,
        np.array(
            [
                (corners[0] + corners[3]) / 2 + [-60, 6],
                (corners[1] + corners[2]) / 2 + [60, 6],
                corners[2] + [60, 20],
                corners[3] + [-60, 20],
            ]
        ).astype(np.int32),
        (70, 70, 70),
    )
    reading = reader.read(picture, today=TODAY)
    assert reading.optical is None
    assert reading.hint is not Hint.NONE


@pytest.mark.parametrize("seed", range(6))
def test_ok__print_that_is_no_mrz_gives_no_answer(reader: PageReader, seed: int) -> None:
    """Two lines of 44 letters in the right typeface, but no MRZ."""
    rng = np.random.default_rng(seed)
    text = ["".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ34789"), 44)) for _ in range(2)]
    assert lines_of(reader.read(page(text), today=TODAY)) is None


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((15, 4000, 3), np.uint8),
        np.full((480, 640, 3), 255, np.uint8),
        np.random.default_rng(1).integers(0, 256, (480, 640, 3)).astype(np.uint8),
        np.random.default_rng(2).integers(0, 256, (30, 900, 3)).astype(np.uint8),
    ],
    ids=["point", "thread", "white", "noise", "noisy line"],
)
def test_ok__nothing_to_read(reader: PageReader, picture) -> None:
    reading = reader.read(picture, today=TODAY)
    assert reading.optical is None
    assert reading.hint is not Hint.NONE
    assert debug_picture(picture, reading).startswith(b"\x89PNG")


def test_ok__hints(reader: PageReader) -> None:
    tiny = cv2.resize(page(), (210, 158), interpolation=cv2.INTER_AREA)
    assert reader.read(tiny, today=TODAY).hint in (Hint.CLOSER, Hint.SHOW_DOCUMENT)
    assert reader.read(np.full((480, 640, 3), 90, np.uint8), today=TODAY).hint is Hint.SHOW_DOCUMENT
    assert reader.read(cv2.GaussianBlur(page(), (0, 0), 6), today=TODAY).hint is not Hint.NONE


def test_ok__three_documents_in_one_frame_give_one_of_them(reader: PageReader) -> None:
    others = [
        LINES,
        (LINES[0].replace("ANNA", "OLGA"), LINES[1]),
        (LINES[0].replace("ANNA", "RITA"), LINES[1]),
    ]
    frame = np.vstack(
        [cv2.resize(page(lines), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA) for lines in others]
    )
    assert lines_of(reader.read(frame, today=TODAY)) in others


def test_ok__the_page_for_the_record_is_small() -> None:
    noisy = np.random.default_rng(3).integers(0, 256, (2000, 2600, 3)).astype(np.uint8)
    noisy = cv2.GaussianBlur(noisy, (0, 0), 1)
    for picture in (page(), noisy):
        jpeg = page_jpeg(picture)
        assert len(jpeg) <= MAX_PAGE_BYTES
        assert jpeg.startswith(b"\xff\xd8\xff")
