"""The hub against strangers, thieves and liars; and a box against its hub."""

import asyncio
import datetime as dt
import socket
import ssl
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey
from post_scripted import HUB, ScriptedPost, publish, running, tomorrow

from appliance.contracts.post import FetchItems
from appliance.post.items import CASE, CLOSED, verify_item
from appliance.services.uplink.post import frames, store
from appliance.services.uplink.post import hub as hubs
from appliance.services.uplink.post.frames import Answer, Ask, FrameError, Gave, Get, Put, Took
from appliance.services.uplink.post.hub import HubError, PostCertificates, PostHub, check_address
from appliance.services.uplink.post.hub_link import HubLink
from appliance.services.uplink.post.store import PostStore, Refused
from appliance.simulation.certificates import CertificateAuthority


async def connect(post: ScriptedPost, certificates: PostCertificates):
    context = certificates.context(server=False)
    return await asyncio.open_connection("127.0.0.1", post.port, ssl=context)


async def say(streams, ask: Ask) -> Answer:
    reader, writer = streams
    writer.write(frames.encoded(ask))
    await writer.drain()
    return await frames.read_frame(reader, Answer, seconds=10)


def with_hub(post: ScriptedPost, work) -> None:
    async def main() -> None:
        hub = post.boxes[HUB].service()
        async with running(hub):
            await work(hub)

    asyncio.run(main())


async def dropped(streams) -> bool:
    try:
        await frames.read_frame(streams[0], Answer, seconds=10)
    except FrameError as error:
        return str(error) == "The connection was lost."
    return False


class TestConnections:
    def test_fail_a_certificate_of_another_authority(self, post: ScriptedPost, tmp_path: Path) -> None:
        other = CertificateAuthority(tmp_path / "other")
        certificate, key = other.issue("lane-2")
        stranger = PostCertificates(post.authority.certificate, certificate, key)

        async def work(_hub) -> None:
            # In TLS 1.3 the client learns of it when it first reads.
            with pytest.raises((ssl.SSLError, FrameError, OSError)):
                await say(await connect(post, stranger), Get(hub="", after=0, wait=0))

        with_hub(post, work)

    def test_fail_no_certificate_and_no_tls(self, post: ScriptedPost) -> None:
        async def work(_hub) -> None:
            context = ssl.create_default_context(cafile=str(post.authority.certificate))
            context.check_hostname = False
            streams = await asyncio.open_connection("127.0.0.1", post.port, ssl=context)
            with pytest.raises((ssl.SSLError, FrameError, OSError)):
                await say(streams, Get(hub="", after=0, wait=0))
            plain = await asyncio.open_connection("127.0.0.1", post.port)
            plain[1].write(b"GET / HTTP/1.1\r\n\r\n")
            assert b"HTTP" not in await plain[0].read(100)

        with_hub(post, work)

    def test_fail_older_tls(self, post: ScriptedPost) -> None:
        async def work(_hub) -> None:
            context = post.boxes["lane-2"].certificates.context(server=False)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises((ssl.SSLError, OSError)):
                await asyncio.open_connection("127.0.0.1", post.port, ssl=context)

        with_hub(post, work)

    def test_fail_a_box_that_was_put_out(self, post: ScriptedPost) -> None:
        """Its certificate is still the authority's; its file is no longer among the members."""

        async def work(hub) -> None:
            thief = post.boxes["lane-2"]
            stolen, _ = thief.seal()
            streams = await connect(post, thief.certificates)
            assert await say(streams, Get(hub="", after=0, wait=0))
            (post.members / "lane-2.signing.pub").unlink()
            streams[1].write(frames.encoded(Put(items=(stolen,))))
            assert await dropped(streams)
            again = await connect(post, thief.certificates)
            again[1].write(frames.encoded(Get(hub="", after=0, wait=0)))
            assert await dropped(again)
            # Nor does what it has signed come in by way of another box.
            other = await connect(post, post.boxes["second-line"].certificates)
            answer = await say(other, Put(items=(stolen,)))
            assert answer == Took(refused={0: "The item is of a box that does not belong to this post."})
            assert (await hub.fetch_items(FetchItems())).items == ()

        with_hub(post, work)

    def test_fail_too_many_from_one_address(self, post: ScriptedPost, monkeypatch) -> None:
        monkeypatch.setattr(hubs, "MAX_CONNECTIONS_AN_ADDRESS", 2)

        async def work(_hub) -> None:
            held = [await connect(post, post.boxes["lane-2"].certificates) for _ in range(2)]
            with pytest.raises((OSError, FrameError)):
                await say(
                    await connect(post, post.boxes["lane-2"].certificates), Get(hub="", after=0, wait=0)
                )
            held[0][1].transport.abort()
            async with asyncio.timeout(10):
                while True:
                    try:
                        streams = await connect(post, post.boxes["lane-2"].certificates)
                        await say(streams, Get(hub="", after=0, wait=0))
                        break
                    except (OSError, FrameError):
                        await asyncio.sleep(0.05)

        with_hub(post, work)

    def test_fail_who_says_nothing_holds_no_place(self, post: ScriptedPost, monkeypatch) -> None:
        monkeypatch.setattr(hubs, "HANDSHAKE_SECONDS", 0.2)
        monkeypatch.setattr(hubs, "IDLE_SECONDS", 0.2)

        async def work(hub) -> None:
            mute = [await asyncio.open_connection("127.0.0.1", post.port) for _ in range(3)]
            async with asyncio.timeout(10):
                for reader, _ in mute:
                    assert await reader.read(1) == b""
            idle = await connect(post, post.boxes["lane-2"].certificates)
            assert await dropped(idle)
            slow = await connect(post, post.boxes["lane-2"].certificates)
            slow[1].write(b"\0\0\x10\0half")
            assert await dropped(slow)
            async with asyncio.timeout(5):
                while hub.hub._open.total():
                    await asyncio.sleep(0.02)

        with_hub(post, work)


class TestFrames:
    @pytest.mark.parametrize(
        "rubbish",
        [
            b"\xff\xff\xff\xff",
            b"\0\0\0\x03abc",
            b"\0\0\0\x01\xc1",
            (5).to_bytes(4, "big") + msgspec.msgpack.encode({"type": "put"})[:5],
            frames.encoded(Gave(hub="", position=1, items=(), more=False)),
        ],
    )
    def test_fail_rubbish_ends_the_connection_and_nothing_else(self, post: ScriptedPost, rubbish) -> None:
        async def work(hub) -> None:
            streams = await connect(post, post.boxes["lane-2"].certificates)
            streams[1].write(rubbish)
            assert await dropped(streams)
            good = await connect(post, post.boxes["lane-2"].certificates)
            assert (await say(good, Get(hub="", after=0, wait=0))).items == ()

        with_hub(post, work)

    @settings(max_examples=300, deadline=None)
    @given(body=st.binary(max_size=300), kind=st.sampled_from([Ask, Answer]))
    def test_ok_any_bytes_are_a_frame_or_an_error(self, body: bytes, kind) -> None:
        async def main() -> None:
            reader = asyncio.StreamReader()
            reader.feed_data(len(body).to_bytes(4, "big") + body)
            reader.feed_eof()
            with_error = None
            try:
                frame = await frames.read_frame(reader, kind, seconds=1)
            except FrameError as error:
                with_error = error
            else:
                assert isinstance(frame, Put | Get | Took | Gave)
            assert with_error is None or str(with_error).endswith(".")

        asyncio.run(main())

    def test_ok_positions_beyond_all_bounds(self, post: ScriptedPost) -> None:
        async def work(hub) -> None:
            streams = await connect(post, post.boxes["lane-2"].certificates)
            for after in (-(2**63), 2**63 - 1):
                answer = await say(streams, Get(hub=hub._store.instance, after=after, wait=-5.0))
                assert answer.items == ()
            answer = await say(streams, Get(hub="x" * 10_000, after=5, wait=float("nan")))
            assert answer.position == 0

        with_hub(post, work)


class TestItems:
    def test_fail_replayed_re_signed_altered_expired_and_too_many(self, post: ScriptedPost) -> None:
        async def work(hub) -> None:
            lane, second = post.boxes["lane-2"], post.boxes["second-line"]
            streams = await connect(post, second.certificates)
            good, id_ = lane.seal()
            assert await say(streams, Put(items=(good, good))) == Took(refused={})
            assert len((await hub.fetch_items(FetchItems())).items) == 1
            altered = bytearray(good)
            altered[-70] ^= 1
            yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=9)
            for_ever = dt.datetime.now(dt.UTC) + dt.timedelta(days=4000)
            impostor, _ = lane.seal(signing_key=second.signing)
            again = twin(lane, id_)
            bad = (
                bytes(altered),
                good[:-1],
                b"",
                impostor,
                lane.seal(expires_at=yesterday)[0],
                lane.seal(expires_at=for_ever)[0],
                again,
                bytes(600_000),
            )
            answer = await say(streams, Put(items=bad))
            assert sorted(answer.refused) == list(range(len(bad)))
            assert answer.refused[3] == "The item names another box than the one that signed it."
            assert "expired" in answer.refused[4]
            assert "at most 400 days" in answer.refused[5]
            assert "two different items" in answer.refused[6]
            many = await say(streams, Put(items=(good,) * 70))
            assert many.refused[69] == "Too many at once."
            assert len((await hub.fetch_items(FetchItems())).items) == 1

        with_hub(post, work)

    def test_fail_one_box_cannot_fill_the_post_s_store(self, post: ScriptedPost, monkeypatch) -> None:
        monkeypatch.setattr(store, "MAX_ITEMS", 20)
        kept = PostStore.open(post.folder / "small.db")
        now = dt.datetime.now(dt.UTC)
        lane, second = post.boxes["lane-2"], post.boxes["second-line"]
        members = hubs.Members(post.members)

        def add(data: bytes) -> None:
            kept.add(verify_item(data, signer_for=members.signer), data, now=now, sent=True)

        ids = []
        for _ in range(10):
            data, id_ = lane.seal()
            add(data)
            ids.append(id_)
        with pytest.raises(Refused, match="no room"):
            add(lane.seal()[0])
        add(second.seal()[0])  # the others still have theirs
        add(second.seal(CLOSED, about=ids[0])[0])
        add(lane.seal()[0])  # what is closed has made room
        assert len(kept.open_items(CASE, b"", limit=99, most_bytes=10**9)) == 11
        assert kept.forget(now=now) == 0
        assert kept.forget(now=now + dt.timedelta(days=9)) == 11
        add(lane.seal()[0])
        kept.close()


def twin(box, id_: bytes) -> bytes:
    """Another item of the same box with the same number."""
    from unittest import mock

    with mock.patch("appliance.post.items.secrets.token_bytes", return_value=id_):
        return box.seal(CASE, {"n": 2})[0]


class TestLyingHub:
    def test_fail_a_hub_invents_nothing(self, post: ScriptedPost) -> None:
        lane = post.boxes["lane-2"]
        good, _ = post.boxes["second-line"].seal()
        forged, _ = lane.seal(signing_key=SigningKey.generate())
        lies = iter(
            (
                Gave(hub="h", position=5, items=(b"rubbish", forged, good), more=True),
                Gave(hub="h", position=-3, items=(), more=False),
            )
        )

        async def liar(reader, writer) -> None:
            while True:
                ask = await frames.read_frame(reader, Ask, seconds=10)
                if isinstance(ask, Put):
                    writer.write(frames.encoded(Gave(hub="h", position=0, items=(), more=False)))
                else:
                    writer.write(frames.encoded(next(lies, Took(refused={}))))
                await writer.drain()

        async def main() -> None:
            context = post.boxes[HUB].certificates.context(server=True)
            server = await asyncio.start_server(liar, "127.0.0.1", post.port, ssl=context)
            box = lane.service()
            await publish(box, lane.seal()[0])
            async with server, running(box):
                async with asyncio.timeout(10):
                    while "another question" not in box.link.sentence:
                        await asyncio.sleep(0.02)
                page = await box.fetch_items(FetchItems())
                assert len(page.items) == 2  # its own and the good one
                assert page.state.waiting >= 1

        asyncio.run(main())

    def test_fail_another_box_at_the_hub_s_address(self, post: ScriptedPost) -> None:
        """A stolen box's certificate is a client's: it can be no hub. A server's must bear the hub's name."""

        async def serve(certificates: PostCertificates, said: str) -> None:
            context = certificates.context(server=True)
            server = await asyncio.start_server(lambda *_: None, "127.0.0.1", post.port, ssl=context)
            box = post.boxes["lane-2"].service()
            async with server, running(box):
                async with asyncio.timeout(10):
                    while said not in box.link.sentence:
                        await asyncio.sleep(0.02)

        asyncio.run(serve(post.boxes["second-line"].certificates, "SSLCertVerificationError"))
        certificate, key = post.authority.issue("printer", server=True)
        other = PostCertificates(post.authority.certificate, certificate, key)
        asyncio.run(serve(other, "another box, or a stranger"))


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "8.8.8.8", "hub.local", "", "10.0.0"])
def test_fail_addresses_that_are_no_post_s(address: str) -> None:
    with pytest.raises(HubError):
        check_address(address)


@pytest.mark.parametrize("address", ["10.20.0.5", "192.168.7.1", "fd00::5", "127.0.0.1"])
def test_ok_addresses_of_a_post(address: str) -> None:
    assert check_address(address) == address


def test_fail_certificates_that_cannot_be_used(post: ScriptedPost, tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("none")
    broken = PostCertificates(tmp_path / "broken.pem", tmp_path / "broken.pem", tmp_path / "absent")
    with pytest.raises(HubError, match="certificates"):
        broken.context(server=True)
    with pytest.raises(HubError, match="certificates"):
        HubLink(
            store=PostStore.open(tmp_path / "s.db"), members=hubs.Members(tmp_path), certificates=broken,
            hub="h", address="127.0.0.1", port=1, now=lambda: None, came=lambda: None,
        )  # fmt: skip


def test_fail_a_port_that_is_taken(post: ScriptedPost) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            hub = PostHub(
                store=PostStore.open(post.folder / "s.db"), members=hubs.Members(post.members),
                certificates=post.boxes[HUB].certificates, address="127.0.0.1",
                port=taken.getsockname()[1], now=tomorrow,
            )  # fmt: skip
            with pytest.raises(HubError, match="cannot listen"):
                await hub.run()

    asyncio.run(main())


def test_ok_members_are_looked_at_again(post: ScriptedPost) -> None:
    members = hubs.Members(post.members)
    assert members.has("lane-2")
    (post.members / "rubbish.signing.pub").write_text("no key")
    (post.members / "-odd.signing.pub").write_text("no name")
    assert members.has("lane-2")
    assert not members.has("rubbish")
    time.sleep(0.01)
    (post.members / "lane-2.signing.pub").unlink()
    assert not members.has("lane-2")
    assert not hubs.Members(post.members / "absent").has("lane-2")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=20))
def test_ok_a_peer_s_name_is_text_or_nothing(name: str) -> None:
    class Transport:
        def get_extra_info(self, _what: str):
            return {"subject": ((("commonName", name),),)}

    assert hubs.peer_name(Transport()) == name
    Transport.get_extra_info = lambda *_: None
    assert hubs.peer_name(Transport()) == ""
