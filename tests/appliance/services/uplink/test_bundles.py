"""A bundle over HTTPS with mutual TLS: bounded, resumed, thrown away when its hash is another."""

import asyncio
import contextlib
import hashlib
import http.server
import ssl
import threading
from collections.abc import Iterator

import pytest

from appliance.contracts.errors import ServiceError
from appliance.contracts.update import MAX_OFFERS_BYTES, UpdateOffer, UpdateOfferError, read_offers
from appliance.services.uplink.bundles import Bundles
from appliance.services.uplink.link import Credentials
from appliance.simulation.certificates import CertificateAuthority

CONTENT = bytes(range(256)) * 1024


class Server:
    """Serves CONTENT; what it does wrong is told to it."""

    def __init__(self, authority: CertificateAuthority) -> None:
        self.ranges: list[str | None] = []
        self.cut_after: int | None = None
        self.knows_ranges = True
        self.content = CONTENT
        self.status: int | None = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                outer.ranges.append(asked)
                begin = int((asked or "bytes=0-")[6:-1]) if outer.knows_ranges else 0
                part = outer.content[begin:]
                self.send_response(outer.status or (206 if outer.knows_ranges else 200))
                if outer.knows_ranges:
                    last = len(outer.content) - 1
                    self.send_header("Content-Range", f"bytes {begin}-{last}/{len(outer.content)}")
                self.send_header("Content-Length", str(len(part)))
                self.end_headers()
                with contextlib.suppress(OSError):  # a client that has had enough
                    self.wfile.write(part[: outer.cut_after])
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        certificate, key = authority.issue("updates", server=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.server_address[1]}/box.raucb?x=1"


@pytest.fixture
def authority(tmp_path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path / "ca")


@pytest.fixture
def server(authority) -> Iterator[Server]:
    server = Server(authority)
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def credentials(authority) -> Credentials:
    certificate, key = authority.issue("box-1")
    return Credentials("127.0.0.1", 1, authority.certificate, certificate, key)


def an_offer(server: Server, **changes) -> UpdateOffer:
    values = {
        "compatible": "borne-pi4",
        "version": "2.0",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
        "url": server.url,
    }
    return UpdateOffer(**(values | changes))


def fetched(bundles: Bundles, offer: UpdateOffer, *, tries: int = 1):
    """What came of it after so many tries, each to its end."""

    async def main():
        for _ in range(tries):
            answer = await bundles.fetch(offer)
            if bundles._task is not None:
                await bundles._task
        return (
            await bundles.fetch(offer) if answer.path is None and bundles._whole(offer).exists() else answer
        )

    return asyncio.run(asyncio.wait_for(main(), 30))


def test_ok_it_comes_whole_and_whoever_installs_may_read_it(tmp_path, server, credentials) -> None:
    answer = fetched(Bundles(tmp_path / "bundles", credentials), an_offer(server))
    path = tmp_path / "bundles" / f"{hashlib.sha256(CONTENT).hexdigest()}.raucb"
    assert answer.path == str(path)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755


def test_ok_a_lost_line_goes_on_where_it_stopped(tmp_path, server, credentials) -> None:
    server.cut_after = 100_000
    bundles = Bundles(tmp_path / "bundles", credentials)
    fetched(bundles, an_offer(server))
    assert "lost" in bundles._problem
    server.cut_after = None
    assert fetched(bundles, an_offer(server)).path is not None
    assert server.ranges == ["bytes=0-", "bytes=100000-"]


def test_ok_a_server_without_ranges_begins_anew(tmp_path, server, credentials) -> None:
    server.cut_after = 100_000
    bundles = Bundles(tmp_path / "bundles", credentials)
    fetched(bundles, an_offer(server))
    server.cut_after, server.knows_ranges = None, False
    assert fetched(bundles, an_offer(server)).path is not None


def test_ok_another_offer_takes_the_old_one_s_place(tmp_path, server, credentials) -> None:
    bundles = Bundles(tmp_path / "bundles", credentials)
    fetched(bundles, an_offer(server))
    server.content = CONTENT[::-1]
    other = an_offer(server, version="3.0", sha256=hashlib.sha256(server.content).hexdigest())
    assert fetched(bundles, other).path is not None
    assert len(list((tmp_path / "bundles").iterdir())) == 1


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sha256": "0" * 64}, "another hash"),
        ({"size": len(CONTENT) - 1}, "more than the offer"),
        ({"size": len(CONTENT) + 1}, "lost"),
        ({"size": 2**32}, "does not fit"),
    ],
)
def test_fail_what_is_not_as_offered(tmp_path, server, credentials, monkeypatch, changes, word) -> None:
    bundles = Bundles(tmp_path / "bundles", credentials)
    if word == "does not fit":
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**6}))
    answer = fetched(bundles, an_offer(server, **changes))
    assert answer.path is None
    assert word in bundles._problem
    assert not list((tmp_path / "bundles").glob("*.raucb"))


def test_fail_a_server_that_says_no_or_is_not_there(tmp_path, server, credentials) -> None:
    bundles = Bundles(tmp_path / "bundles", credentials)
    server.status = 403
    fetched(bundles, an_offer(server))
    assert "403" in bundles._problem
    fetched(bundles, an_offer(server, url="https://127.0.0.1:9/x"))
    assert "cannot be fetched" in bundles._problem


def test_fail_a_server_of_another_authority(tmp_path, server) -> None:
    other = CertificateAuthority(tmp_path / "other")
    certificate, key = other.issue("box-1")
    foreign = Credentials("127.0.0.1", 1, other.certificate, certificate, key)
    bundles = Bundles(tmp_path / "bundles", foreign)
    assert fetched(bundles, an_offer(server)).path is None
    assert bundles._problem
    assert server.ranges == []


def test_fail_a_folder_that_is_none(tmp_path, server, credentials) -> None:
    (tmp_path / "bundles").write_text("")
    with pytest.raises(ServiceError, match="bundles"):
        fetched(Bundles(tmp_path / "bundles", credentials), an_offer(server))


# The offers


def test_ok_offers_of_several_boards() -> None:
    text = (
        b'{"updates": [{"compatible": "borne-pi4", "version": "1.2", "size": 5, "url": "https://u.example/x",'
        b' "sha256": "' + b"a" * 64 + b'"}]}'
    )
    assert [one.version for one in read_offers(text)] == ["1.2"]


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://u.example/x"},
        {"url": "https://"},
        {"url": "https://a:b@u.example/"},
        {"url": "https://u.example:99999/"},
        {"url": "https://u.example/a b"},
        {"url": "https://[/"},
        {"size": 0},
        {"size": 2**40},
        {"version": "../1"},
        {"compatible": ""},
        {"sha256": "x"},
        {"more": 1},
    ],
)
def test_fail_an_offer_that_no_box_could_go_by(change) -> None:
    import json

    good = {"compatible": "a", "version": "1", "size": 5, "url": "https://u.example/", "sha256": "a" * 64}
    assert read_offers(json.dumps({"updates": [good]}).encode())
    with pytest.raises(UpdateOfferError):
        read_offers(json.dumps({"updates": [good | change]}).encode())


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b" " * (MAX_OFFERS_BYTES + 1), b"[" * 10_000]
)
def test_fail_no_offers_at_all(content) -> None:
    with pytest.raises(UpdateOfferError):
        read_offers(content)


def test_fail_a_board_twice() -> None:
    one = (
        b'{"compatible": "a", "version": "1", "size": 5, "url": "https://u.example/", "sha256": "'
        + b"a" * 64
        + b'"}'
    )
    with pytest.raises(UpdateOfferError, match="twice"):
        read_offers(b'{"updates": [' + one + b"," + one + b"]}")
