import contextlib
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests_documents import KEY

from appliance.screening.documents.elias_fano import CodeError, decode, encode, unpack
from appliance.screening.documents.entries import DocumentEntry
from appliance.screening.documents.hashing import NumberHasher
from appliance.screening.documents.index import HEADER_BYTES, NumberIndex, write_header
from appliance.screening.documents.pages import (
    PAGE_BYTES,
    Layout,
    PageDamaged,
    find_in_page,
    read_page,
    write_page,
)
from appliance.screening.documents.search import open_numbers
from appliance.screening.errors import ListUnreadable

RISING = st.lists(st.integers(0, 2**40 - 1), max_size=300, unique=True).map(sorted)


@given(RISING)
def test_ok__elias_fano_comes_back(values: list[int]) -> None:
    numbers = np.asarray(values, dtype=np.uint64)
    data = encode(numbers, 2**40)
    assert np.array_equal(decode(data, len(values), 2**40), numbers)
    assert len(data) <= 8 + len(values) * 43 // 8 + 1


@given(st.binary(max_size=200), st.integers(0, 50))
def test_ok__elias_fano_of_anything_is_refused_or_rises(data: bytes, count: int) -> None:
    with contextlib.suppress(CodeError):
        values = decode(data, count, 2**20)
        assert len(values) == count
        assert np.all(values[1:] >= values[:-1])


def test_fail__codes() -> None:
    good = encode(np.asarray([1, 5, 9], dtype=np.uint64), 16)
    for data, count, universe in ((good, 4, 16), (good[:3], 3, 16), (b"\xff\xff\xff\xff", 3, 16)):
        with pytest.raises(CodeError):
            decode(data, count, universe)
    with pytest.raises(CodeError):
        unpack(b"\x00", 9, 2)


@given(RISING.filter(bool), st.integers(0, 2**12 - 1))
def test_ok__a_page_comes_back(values: list[int], payload: int) -> None:
    layout = Layout(40, 28, 12)
    hashes = np.asarray(values, dtype=np.uint64)
    hashes = hashes[: layout.fitting(hashes)]
    payloads = (np.arange(len(hashes), dtype=np.uint64) + np.uint64(payload)) % np.uint64(2**12)
    page = write_page(hashes, payloads, layout)
    assert len(page) == PAGE_BYTES
    back, same = read_page(page, values[0], layout)
    assert np.array_equal(back, hashes)
    assert np.array_equal(same, payloads)
    for place in range(0, len(hashes), 17):
        assert find_in_page(page, values[0], int(hashes[place]), layout) == (place, int(payloads[place]))
    assert find_in_page(page, values[0], int(hashes[-1]) + 1, layout) is None


def test_fail__pages() -> None:
    layout = Layout(40, 28, 12)
    page = write_page(np.arange(10, dtype=np.uint64), np.zeros(10, dtype=np.uint64), layout)
    for bad in (page[:-1], page[:100] + b"\x01" + page[101:], bytes(PAGE_BYTES)):
        with pytest.raises(PageDamaged):
            find_in_page(bad, 0, 5, layout)
    with pytest.raises(ValueError, match="fit"):
        write_page(np.arange(2000, dtype=np.uint64), np.zeros(2000, dtype=np.uint64), layout)
    body = (5).to_bytes(2, "little") + (3).to_bytes(2, "little") + bytes(PAGE_BYTES - 8)
    with pytest.raises(PageDamaged):
        read_page(zlib.crc32(body).to_bytes(4, "little") + body, 0, layout)


def test_ok__full_to_the_last_record(path: Path, listed: list[DocumentEntry]) -> None:
    index = NumberIndex(path)
    assert (path.stat().st_size - HEADER_BYTES) / len(listed) < 5.6  # small lists keep longer hashes
    ranks = [rank for rank, _hashes, _payloads in index.all_pages()]
    assert ranks == sorted(ranks)
    for rank, hashes, _payloads in index.all_pages():
        assert index.rank_below(int(hashes[3])) == rank + 3
        assert index.page_of_rank(rank + 3) == ranks.index(rank)
    assert index.rank_below(0) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 2**30), flip=st.integers(1, 255))
def test_ok__damage_is_noticed_and_never_clears(
    path: Path, listed: list[DocumentEntry], tmp_path: Path, at: int, flip: int
) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= flip
    (tmp_path / "bad").write_bytes(data)
    with contextlib.suppress(ListUnreadable):
        one = open_numbers(tmp_path / "bad", KEY)
        for entry in listed[::97]:
            with contextlib.suppress(ListUnreadable):
                assert one.find(entry.issuing_state, entry.number) is not None


def test_fail__no_index(path: Path, tmp_path: Path) -> None:
    good = path.read_bytes()
    index = NumberIndex(path)
    header = index.header

    def with_header(**changes: object) -> bytes:
        return write_header(msgspec.structs.replace(header, **changes)) + good[HEADER_BYTES:]

    bad = tmp_path / "bad"
    for data in (
        b"",
        b"BORNE",
        good[:100],
        good[:-1],
        good[: len(good) // 2],
        good[:9] + b"\xff\xff" + good[11:],
        good[:30] + b"\x00" + good[31:],
        good[:-5] + bytes([good[-5] ^ 1]) + good[-4:],
        with_header(low_bits=61),
        with_header(count=1),
        with_header(pages=2**23),
        with_header(classes=()),
        with_header(hash_bits=-1),
    ):
        bad.write_bytes(data)
        with pytest.raises(ListUnreadable):
            NumberIndex(bad)
    with pytest.raises(ListUnreadable, match="cannot be read"):
        NumberIndex(tmp_path / "none")
    with pytest.raises(ValueError, match="longer"):
        write_header(msgspec.structs.replace(header, epoch="x" * 20_000))
    with pytest.raises(ListUnreadable, match="damaged"):
        index.payload(2**13)


def test_ok__hashes_are_of_one_state_epoch_and_kind() -> None:
    one = NumberHasher(KEY, epoch="1", kind="documents")
    seen = {
        NumberHasher(key, epoch=epoch, kind=kind).hash64(state, "AB1")
        for key in (KEY, bytes(32))
        for epoch in "12"
        for kind in ("documents", "visas")
        for state in ("UTO", "D")
    }
    assert len(seen) == 16
    assert one.key_id != NumberHasher(KEY, epoch="2", kind="documents").key_id
    with pytest.raises(ValueError, match="bytes"):
        NumberHasher(b"", epoch="", kind="")
