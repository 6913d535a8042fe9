"""An item that its own box takes back goes from every copy, sealed as it is, and does not come again."""

import datetime as dt
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from appliance.post.items import CASE, CLOSED, ERASED, Signer, seal_item, verify_item
from appliance.services.uplink.post.store import PostStore

KEYS = {name: SigningKey.generate() for name in ("lane-1", "lane-2")}
MARK = b"said of a person, sealed" * 40


@pytest.fixture
def store(tmp_path: Path):
    opened = PostStore.open(tmp_path / "post.db")
    yield opened
    opened.close()


def said(store: PostStore, device: str, kind: str, about: bytes = b"") -> tuple[bytes, bytes]:
    """A new item in the copy: its bytes and its id."""
    data, id_ = seal_item(
        kind, {"m": MARK}, device=device, signing_key=KEYS[device], recipients=[], about=about,
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=1),
    )  # fmt: skip
    add(store, device, data)
    return data, id_


def add(store: PostStore, device: str, data: bytes) -> bool:
    header = verify_item(data, signer_for=lambda _: Signer(device, KEYS[device].verify_key))
    return store.add(header, data, now=None, sent=False)


def kinds(store: PostStore) -> list[str]:
    found = store._connection.execute("SELECT kind FROM items ORDER BY position").fetchall()
    return [kind for (kind,) in found]


def test_ok__the_item_and_what_was_said_of_it(store: PostStore, tmp_path: Path) -> None:
    data, id_ = said(store, "lane-1", CASE)
    said(store, "lane-2", CLOSED, id_)
    said(store, "lane-1", ERASED, id_)
    assert kinds(store) == [ERASED]
    assert add(store, "lane-1", data) is False, "another box had it still"
    assert kinds(store) == [ERASED]
    assert store._held["lane-1"][0] == 1
    assert "lane-2" not in store._held
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert data not in (tmp_path / "post.db").read_bytes()


def test_fail__another_box_takes_nothing_back(store: PostStore) -> None:
    data, id_ = said(store, "lane-1", CASE)
    said(store, "lane-2", CLOSED, id_)
    said(store, "lane-2", ERASED, id_)
    assert kinds(store) == [CASE, CLOSED, ERASED]
    late, later = said(store, "lane-1", CASE)
    store._connection.execute("DELETE FROM items WHERE id = ?", (later,))
    said(store, "lane-2", ERASED, later)
    assert add(store, "lane-1", late) is True
    assert data != late
