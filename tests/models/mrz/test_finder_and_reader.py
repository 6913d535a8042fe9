"""Both networks on drawn pages: found at any turn, and read."""

import numpy as np
import pytest
from mrz_drawn import LINES, grey, page, turned

from models.mrz import FINDER_SHA256, READER_SHA256
from models.mrz.alignment import align
from models.mrz.finder import FILE as FINDER_FILE
from models.mrz.finder import Finder, zones_of
from models.mrz.frame import View
from models.mrz.reader import FILE as READER_FILE
from models.mrz.reader import Reader
from models.mrz.strip import BLANK, COLUMN, HEIGHT, PITCH, WIDTH
from models.mrz.zone import cut
from models.runtime import RUNTIMES, ModelDamaged

MAX_TOGETHER = 1_000_000
"""Bytes of the shipped networks."""


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(sha256=FINDER_SHA256)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(sha256=READER_SHA256)


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_ok__found_and_read_at_any_turn(finder: Finder, reader: Reader, degrees: int) -> None:
    picture = grey(turned(page(), degrees))
    zones = finder.find(picture)
    assert zones
    assert len(zones[0].lines) == 2
    read = []
    for line in zones[0].lines:
        row = align(reader.read(cut(picture, line, 44)), 44, PITCH)
        read.append(row.text)
    right = sum(a == b for one, two in zip(read, LINES, strict=True) for a, b in zip(one, two, strict=True))
    assert right >= 86  # of 88; settling does the rest


def test_ok__nothing_in_a_picture_without_print(finder: Finder) -> None:
    assert finder.find(np.full((480, 640), 127, np.uint8)) == []


@pytest.mark.parametrize("shape", [(16, 4000), (4000, 16), (1, 1), (2, 3)])
def test_ok__odd_shapes(finder: Finder, shape: tuple[int, int]) -> None:
    finder.find(np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8))


def test_ok__any_answer_of_the_network_makes_lines_or_none() -> None:
    rng = np.random.default_rng(5)
    view = View.of(np.zeros((480, 640), np.uint8))
    for scale in (0.1, 3.0, 1e6):
        planes = (rng.standard_normal((120, 160, 4)) * scale).astype(np.float32)
        for zone in zones_of(planes, view):
            assert np.isfinite(zone.outline()).all()


def test_ok__a_reader_is_sure_of_blank_paper(reader: Reader) -> None:
    columns = reader.read(np.full((HEIGHT, WIDTH), 220, np.uint8))
    assert columns.shape == (WIDTH // COLUMN, BLANK + 1)
    assert np.allclose(columns.sum(1), 1, atol=1e-4)
    assert (columns.argmax(1) == BLANK).mean() > 0.9


def test_ok__small_enough_to_ship() -> None:
    assert FINDER_FILE.stat().st_size + READER_FILE.stat().st_size < MAX_TOGETHER


def test_ok__every_runtime_that_is_here_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from models import runtime

    here = [name for name in RUNTIMES if importlib.util.find_spec(name.partition(".")[0])]
    texts = set()
    picture = grey(page())
    for name in here:
        monkeypatch.setattr(runtime, "RUNTIMES", (name,))
        zone = Finder(sha256=FINDER_SHA256).find(picture)[0]
        one = Reader(sha256=READER_SHA256)
        texts.add(tuple(align(one.read(cut(picture, line, 44)), 44, PITCH).text for line in zone.lines))
    assert len(texts) == 1


def test_fail__another_file() -> None:
    with pytest.raises(ModelDamaged):
        Finder(READER_FILE, sha256=FINDER_SHA256)
    with pytest.raises(ModelDamaged):
        Reader(FINDER_FILE, sha256=READER_SHA256)
