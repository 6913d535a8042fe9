"""Rows of characters out of the reader's columns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.mrz.alignment import align, seen, spacing, vote
from models.mrz.strip import ALPHABET, BLANK, COLUMN, MARGIN, PITCH, WIDTH

COLUMNS = WIDTH // COLUMN
TEXT = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"


def columns_of(text: str, *, pitch: float = PITCH, sure: float = 0.97, missing: tuple[int, ...] = ()):
    """What a reader would say of this text, the characters that are `missing` not seen at all."""
    columns = np.full((COLUMNS, BLANK + 1), 0.03 / BLANK, np.float32)
    columns[:, BLANK] = 0.97
    for index, letter in enumerate(text):
        if index in missing:
            continue
        middle = (MARGIN + (index + 0.5) * pitch) / COLUMN
        for column in range(round(middle - 0.9), round(middle + 0.9)):
            columns[column] = (1 - sure) / BLANK
            columns[column, ALPHABET.index(letter)] = sure
    return columns


def test_ok__reads_what_is_there() -> None:
    row = align(columns_of(TEXT), 44, PITCH)
    assert row.text == TEXT
    assert row.confidence.min() > 0.9
    assert row.fit > -0.1
    assert row.left_over < 0.5
    assert abs(row.places[0] - (MARGIN + PITCH / 2)) < PITCH / 2


@pytest.mark.parametrize("pitch", [13.0, 14.5, 17.0])
def test_ok__another_pitch(pitch: float) -> None:
    columns = columns_of(TEXT[:36], pitch=pitch)
    assert align(columns, 36, spacing(columns, PITCH)).text == TEXT[:36]


def test_ok__an_unseen_character_is_unsure_and_moves_no_other() -> None:
    row = align(columns_of(TEXT, missing=(7, 20)), 44, PITCH)
    assert [n for n in range(44) if row.text[n] != TEXT[n] and n not in (7, 20)] == []
    assert row.confidence[7] < 0.2
    assert row.confidence[20] < 0.2


def test_ok__too_many_and_too_few_fit_worse() -> None:
    columns = columns_of(TEXT[:36])
    right = align(columns, 36, PITCH).fit
    assert align(columns, 44, PITCH).fit < right - 0.3
    assert align(columns, 30, PITCH).left_over > 3
    assert align(columns, 30, PITCH).fit < right - 0.05


def test_ok__what_is_seen() -> None:
    assert seen(columns_of("A1<B")) == 4
    assert spacing(columns_of(TEXT, pitch=14.0), PITCH) == pytest.approx(14, abs=2)
    assert spacing(columns_of("A1<B"), PITCH) == PITCH


def test_ok__a_mark_beside_the_line_is_none_of_it() -> None:
    """The edge of a card, seen as I: far behind the line, and just behind it."""
    for place in (740, 600):
        columns = columns_of(TEXT[:30])
        columns[place // COLUMN, :] = 0
        columns[place // COLUMN, ALPHABET.index("I")] = 1
        assert align(columns, 30, spacing(columns, PITCH)).text == TEXT[:30]


def test_ok__a_vote_outweighs_one_bad_look() -> None:
    good, bad = columns_of(TEXT, sure=0.8), columns_of("F" + TEXT[1:], sure=0.55)
    rows = [align(columns, 44, PITCH) for columns in (good, bad, good)]
    together = vote(rows)
    assert together.text == TEXT
    assert vote([rows[1]]).text[0] == "F"


def test_ok__a_look_that_saw_nothing_says_nothing() -> None:
    whole, gap = align(columns_of(TEXT), 44, PITCH), align(columns_of(TEXT, missing=(3,)), 44, PITCH)
    assert vote([gap, whole, gap]).text == TEXT


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(np.float32, (COLUMNS, BLANK + 1), elements=st.floats(0, 1, width=32)),
    st.sampled_from([30, 36, 44]),
    st.floats(9, 24),
)
def test_ok__any_columns_give_a_row(columns, characters: int, pitch: float) -> None:
    columns = columns / np.maximum(columns.sum(1, keepdims=True), 1e-6)
    row = align(columns, characters, pitch)
    assert len(row.text) == characters
    assert np.isfinite(row.fit)
    assert (np.diff(row.places) > 0).all()
    assert ((row.sure >= 0) & (row.sure <= 1.001)).all()
