import contextlib
import time
import zlib
from pathlib import Path

import cbor2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_documents import KEY, entries, info

from appliance.screening.documents.build import changes_of, merge_numbers
from appliance.screening.documents.changes import MAGIC, decode_changes, encode_changes
from appliance.screening.documents.entries import DocumentEntry
from appliance.screening.documents.index import NumberIndex
from appliance.screening.documents.overlay import CannotApply, Overlay
from appliance.screening.documents.search import NumberList, open_numbers
from appliance.screening.errors import ListUnreadable

NEW = entries(300, seed=9, prefix="QQ")


def changed(one: NumberList, overlay: Overlay) -> NumberList:
    return NumberList(one.index, one._hasher, overlay=overlay)


def has(one: NumberList, some: list[DocumentEntry]) -> int:
    return sum(one.find(entry.issuing_state, entry.number) is not None for entry in some)


@pytest.fixture
def one(path: Path) -> NumberList:
    return open_numbers(path, KEY)


@pytest.fixture
def data(one: NumberList, listed: list[DocumentEntry]) -> bytes:
    return encode_changes(
        changes_of(
            one, info=info(2), master_key=KEY, added=[*NEW, listed[50]], removed=[*listed[:40], NEW[0]]
        )
    )


def test_ok__what_comes_and_what_goes(one: NumberList, listed: list[DocumentEntry], data: bytes) -> None:
    overlay = one.overlay.applied(one.index, decode_changes(data))
    after = changed(one, overlay)
    assert (has(after, NEW), has(after, listed[:40]), has(after, listed[40:100])) == (300, 0, 60)
    assert (after.info.version, after.info.entries) == (2, len(listed) + 300 - 40)
    found = after.find(NEW[0].issuing_state, NEW[0].number)
    assert found is not None
    assert found.status is NEW[0].status
    kept = Overlay.load(overlay.save(one.index), one.index)
    assert (kept.total, kept.count, has(changed(one, kept), NEW)) == (overlay.total, overlay.count, 300)


def test_ok__small(data: bytes) -> None:
    assert len(data) < 300 * 7 + 40 * 3 + 1500


def test_ok__the_next_day_is_the_same_merged_or_not(
    one: NumberList, listed: list[DocumentEntry], data: bytes, tmp_path: Path
) -> None:
    """A box that has merged and one that has not apply the same changes, made by a server that has."""
    unmerged = changed(one, one.overlay.applied(one.index, decode_changes(data)))
    steps: list[tuple[int, int]] = []
    merge_numbers(tmp_path / "m", unmerged, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1][0] == steps[-1][1] == unmerged.overlay.count
    merged = open_numbers(tmp_path / "m", KEY)
    assert (has(merged, NEW), has(merged, listed[:40])) == (300, 0)
    second = changes_of(
        merged,
        info=info(3),
        master_key=KEY,
        added=entries(50, seed=11, prefix="RR"),
        removed=NEW[:20] + listed[100:130],
    )
    a = merged.overlay.applied(merged.index, second)
    b = unmerged.overlay.applied(unmerged.index, decode_changes(encode_changes(second)))
    assert (a.total, a.count) == (b.total, b.count)
    for view in (changed(merged, a), changed(unmerged, b)):
        assert (has(view, NEW), has(view, listed[100:130]), has(view, listed[130:200])) == (280, 0, 70)


def test_ok__when_merging_is_worth_it(one: NumberList) -> None:
    many = changes_of(one, info=info(2), master_key=KEY, added=entries(1500, seed=5, prefix="SS"))
    assert not one.overlay.worth_merging
    assert one.overlay.applied(one.index, many).worth_merging


def test_fail__changes_for_another_list(one: NumberList, data: bytes, listed: list[DocumentEntry]) -> None:
    changes = decode_changes(data)
    for wrong in (
        {"info": msgspec.structs.replace(changes.info, name="other")},
        {"from_version": 7},
        {"epoch": "2030"},
        {"count_before": 3},
        {"total": 5},
    ):
        with pytest.raises(CannotApply):
            one.overlay.applied(one.index, msgspec.structs.replace(changes, **wrong))
    beyond = np.asarray([len(listed) + 5], dtype=np.uint64)
    with pytest.raises(CannotApply, match="does not have"):
        one.overlay.applied(one.index, msgspec.structs.replace(changes, removed=beyond))
    after = changed(one, one.overlay.applied(one.index, changes))
    with pytest.raises(CannotApply):  # twice
        after.overlay.applied(after.index, changes)


def test_fail__made_on_the_servers_side(one: NumberList, data: bytes) -> None:
    with pytest.raises(ValueError, match="another key"):
        changes_of(one, info=info(2), master_key=bytes(32))
    with pytest.raises(ValueError, match="higher version"):
        changes_of(one, info=info(1), master_key=KEY)
    after = changed(one, one.overlay.applied(one.index, decode_changes(data)))
    with pytest.raises(ValueError, match="Merge"):
        changes_of(after, info=info(3), master_key=KEY)


def repacked(data: bytes, **changes: object) -> bytes:
    return MAGIC + cbor2.dumps(cbor2.loads(data[len(MAGIC) :]) | changes, canonical=True)


HOSTILE = {
    "maps as keys of maps as keys of maps": b"\xa1" * 60 + b"\x00" * 61,
    "maps as keys, each with another beside it": b"\xa2" * 40 + b"\x00\x00\x01\x00" * 40,
    "lists without end": b"\x81" * 200_000 + b"\x00",
    "lengths that nobody says": b"\x9f" * 1000,
    "a list of four thousand million": b"\x9a\xff\xff\xff\xff",
    "a text of many gigabytes": b"\x7b\x00\x00\x00\xff\xff\xff\xff\xff",
    "shared values": b"\xd8\x1c\x82\xd8\x1d\x00\xd8\x1d\x00",
    "a big number": b"\xc2\x5a\x00\x0f\x42\x40" + b"\xff" * 1_000_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_fail__hostile_bytes_are_refused_at_once(what: str) -> None:
    began = time.process_time()
    with pytest.raises(ListUnreadable):
        decode_changes(MAGIC + HOSTILE[what])
    assert time.process_time() - began < 1.0


def test_fail__damaged_changes(data: bytes) -> None:
    plain = cbor2.loads(data[len(MAGIC) :])
    bomb = zlib.compress(bytes(50_000_000), 9)
    for bad in (
        b"",
        data[:-1],
        data[:100],
        b"x" + data,
        repacked(data, kinds=bomb),
        repacked(data, months=b"none"),
        repacked(data, added=10**9),
        repacked(data, removed=-1),
        repacked(data, hash_bits=99),
        repacked(data, classes=[]),
        repacked(data, classes=plain["classes"][:1]),
        repacked(data, hashes=plain["hashes"][:-9]),
        repacked(data, added=2, hashes=b"\x02\x00\x00\x00\x03\x00" + bytes(20), kinds=zlib.compress(b"\0\0"),
                 months=zlib.compress(bytes(4))),
        repacked(data, extra=1),
        repacked(data, info=b"{}"),
    ):  # fmt: skip
        with pytest.raises(ListUnreadable):
            decode_changes(bad)


@given(st.binary(max_size=300))
def test_ok__changes_of_anything_are_refused(data: bytes) -> None:
    with contextlib.suppress(ListUnreadable):
        decode_changes(MAGIC + data)


def test_fail__damaged_overlay(one: NumberList, data: bytes, path: Path, tmp_path: Path) -> None:
    overlay = one.overlay.applied(one.index, decode_changes(data))
    saved = overlay.save(one.index)
    plain = msgspec.msgpack.decode(saved)
    merge_numbers(tmp_path / "m", changed(one, overlay))
    for bad in (
        b"",
        saved[:-3],
        msgspec.msgpack.encode(plain | {"count": 3}),
        msgspec.msgpack.encode(plain | {"hashes": plain["hashes"][:-8]}),
        msgspec.msgpack.encode(plain | {"hashes": b"odd"}),
        msgspec.msgpack.encode(plain | {"removed": b"", "count": plain["base_count"] + 300, "total": 1}),
    ):
        with pytest.raises(ListUnreadable):
            Overlay.load(bad, one.index)
    with pytest.raises(ListUnreadable, match="another list"):
        Overlay.load(saved, NumberIndex(tmp_path / "m"))
