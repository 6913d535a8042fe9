"""Fetching by hash, from a folder in the archive's place: what has another hash is never kept."""

import contextlib
import hashlib
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import fetch
import pytest
from board import load_board
from fetch import sha256_of
from lockfile import Deb, Lock, LockError, Superseded, Unfetchable, Wheel

BOARD = load_board("qemu-amd64")


class Archive:
    """A main and a security archive as folders."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.main, self.security, self.cache = folder / "main", folder / "security", folder / "cache"
        sites = (self.main.as_uri(), self.security.as_uri())
        monkeypatch.setattr(fetch, "archive_sites", lambda: sites)
        monkeypatch.setattr(fetch, "PAUSE_SECONDS", 0.0)

    def deb(self, name: str, content: bytes, *, security: bool = False) -> Deb:
        place = f"pool/updates/{name}.deb" if security else f"pool/{name}.deb"
        path = (self.security if security else self.main) / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return Deb(name=name, version="1", architecture="all", sha256=digest, path=place)

    def fetch(self, *debs: Deb, wheels: tuple[Wheel, ...] = ()) -> tuple[list[Path], list[Path]]:
        lock = Lock(board="x", debs=debs, wheels=wheels)
        return fetch.fetch(lock, BOARD, self.cache, lambda number, total, name: None)


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Archive:
    return Archive(tmp_path, monkeypatch)


def test_ok_each_comes_from_its_archive_and_only_once(archive) -> None:
    debs = archive.deb("a", b"1"), archive.deb("b", b"2", security=True)
    found, _ = archive.fetch(*debs)
    assert [path.read_bytes() for path in found] == [b"1", b"2"]
    (archive.main / debs[0].path).unlink()
    assert archive.fetch(*debs)[0] == found


def test_fail_another_hash_is_not_kept(archive) -> None:
    deb = archive.deb("a", b"1")
    (archive.main / deb.path).write_bytes(b"changed")
    with pytest.raises(LockError, match="another SHA-256"):
        archive.fetch(deb)
    assert [one.name for one in archive.cache.iterdir()] == []


def test_fail_a_kept_package_that_was_changed_and_comes_anew(archive) -> None:
    deb = archive.deb("a", b"1")
    archive.fetch(deb)[0][0].write_bytes(b"changed")
    with pytest.raises(LockError, match="another SHA-256"):
        archive.fetch(deb)
    assert archive.fetch(deb)[0][0].read_bytes() == b"1"


@contextlib.contextmanager
def serving(*statuses: int, content: bytes | None = None, cut: bool = False) -> Iterator[str]:
    """A host that answers so, one after the other, then with the content (without one: the last for good)."""
    waiting = list(statuses)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = waiting.pop(0) if waiting and (content is not None or len(waiting) > 1) else None
            if content is None:
                self.send_error(status or waiting[0])
            elif status is not None and status != 200:
                self.send_error(status)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:3] if cut and status is not None else content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_fail_a_host_that_is_silent_is_told_from_one_that_has_it_no_more(archive, monkeypatch) -> None:
    """`make image-test` is skipped for both, with the sentence that is here."""
    deb = archive.deb("a", b"1")
    monkeypatch.setattr(fetch, "archive_sites", lambda: ("http://127.0.0.1:9", "http://127.0.0.1:9"))
    with pytest.raises(Unfetchable, match="cannot be fetched") as silent:
        archive.fetch(deb)
    assert not isinstance(silent.value, Superseded)
    with serving(404) as site:
        monkeypatch.setattr(fetch, "archive_sites", lambda: (site, site))
        with pytest.raises(Superseded, match="write the lock anew"):
            archive.fetch(deb)


def test_ok_a_host_that_stumbles_is_asked_again(archive, monkeypatch) -> None:
    deb = archive.deb("a", b"content")
    with serving(503, 503, content=b"content") as site:
        monkeypatch.setattr(fetch, "archive_sites", lambda: (site, site))
        assert archive.fetch(deb)[0][0].read_bytes() == b"content"
    deb = archive.deb("b", b"content of b")
    with serving(200, content=b"content of b", cut=True) as site:  # the line goes in the middle, once
        monkeypatch.setattr(fetch, "archive_sites", lambda: (site, site))
        assert archive.fetch(deb)[0][0].read_bytes() == b"content of b"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("ERROR: HTTPSConnectionPool: Max retries exceeded (Caused by NewConnectionError())", Unfetchable),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", LockError),
        ("ERROR: No matching distribution found for x==9", Superseded),
    ],
)
def test_fail_pip_s_words_are_told_apart(archive, monkeypatch, said, kind) -> None:
    answer = SimpleNamespace(returncode=1, stderr=said)
    monkeypatch.setattr(fetch.subprocess, "run", lambda *_, **__: answer)
    wheel = Wheel(name="x", version="9", sha256="0" * 64, file="x.whl")
    with pytest.raises(LockError) as error:
        archive.fetch(archive.deb("a", b"1"), wheels=(wheel,))
    assert type(error.value) is kind


def test_fail_a_package_that_is_gone_or_endless(archive, monkeypatch) -> None:
    deb = archive.deb("a", b"12345678")
    monkeypatch.setattr(fetch, "MAX_DEB_BYTES", 4)
    with pytest.raises(LockError, match="larger than 4"):
        archive.fetch(deb)
    (archive.main / deb.path).unlink()
    with pytest.raises(LockError, match="cannot be fetched"):
        archive.fetch(deb)


WHEEL = Wheel(name="x", version="1", sha256=hashlib.sha256(b"wheel").hexdigest(), file="x-1-py3-none-any.whl")


def pip_that_brings(monkeypatch, content: bytes | None, *, code: int = 0, says: str = "") -> None:
    def run(command, **_):
        folder = Path(command[command.index("--dest") + 1])
        assert "--require-hashes" in command
        assert f"x==1 --hash=sha256:{WHEEL.sha256}" in (folder / "requirements").read_text()
        if content is not None:
            (folder / WHEEL.file).write_bytes(content)
        return SimpleNamespace(returncode=code, stderr=says)

    monkeypatch.setattr(fetch, "subprocess", SimpleNamespace(run=run))


def test_ok_wheels_by_hash(archive, monkeypatch) -> None:
    pip_that_brings(monkeypatch, b"wheel")
    _, found = archive.fetch(wheels=(WHEEL,))
    assert sha256_of(found[0]) == WHEEL.sha256
    monkeypatch.setattr(fetch, "subprocess", subprocess)
    assert archive.fetch(wheels=(WHEEL,))[1] == found  # nothing is fetched again


@pytest.mark.parametrize(
    ("content", "code", "says", "error"),
    [
        (b"other", 0, "", "another SHA-256"),
        (None, 0, "", "did not come"),
        (None, 1, "WARNING: x\nERROR: no such wheel\n", "ERROR: no such wheel"),
    ],
)
def test_fail_a_wheel_that_is_not_the_lock_s(archive, monkeypatch, content, code, says, error) -> None:
    pip_that_brings(monkeypatch, content, code=code, says=says)
    with pytest.raises(LockError, match=error):
        archive.fetch(wheels=(WHEEL,))


def test_fail_a_kept_wheel_that_was_changed(archive, monkeypatch) -> None:
    pip_that_brings(monkeypatch, b"wheel")
    _, found = archive.fetch(wheels=(WHEEL,))
    found[0].write_bytes(b"changed")
    with pytest.raises(LockError, match="another SHA-256"):
        archive.fetch(wheels=(WHEEL,))
