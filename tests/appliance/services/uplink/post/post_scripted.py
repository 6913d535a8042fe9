"""A post of some boxes on loopback addresses, each with its own keys, store and certificate."""

import asyncio
import contextlib
import datetime as dt
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from appliance.clock import Clock
from appliance.config import ClockSource
from appliance.contracts.post import PublishItem
from appliance.key_files import HashingKey, write_key
from appliance.post_items import CASE, Item, index_of, open_item, seal_item, verify_item
from appliance.post_members import Members
from appliance.services.uplink.post.hub import PostCertificates
from appliance.services.uplink.post.service import PostService, PostSettings
from appliance.services.uplink.post.store import PostStore
from appliance.simulation.certificates import CertificateAuthority

HUB = "lane-1"
INDEX_KEY = HashingKey(bytes(range(32)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tomorrow() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


class PostBox:
    """One box: what its lane would do, and its uplink's part in the post."""

    def __init__(self, post: "ScriptedPost", device: str) -> None:
        self.post, self.device = post, device
        self.signing, self.sealing = SigningKey.generate(), PrivateKey.generate()
        self.folder = post.folder / device
        write_key(post.members / f"{device}.signing.pub", self.signing.verify_key)
        self.certificates = post.certificates_for(device)

    def service(self, *, port: int | None = None) -> PostService:
        settings = PostSettings(
            device=self.device,
            hub=HUB,
            address="127.0.0.1",
            port=port or self.post.port,
            members=self.post.members,
            certificates=self.certificates,
        )
        store = PostStore.open(self.folder / "post.db")
        return PostService(settings=settings, store=store, clock=Clock(source=ClockSource.HOST))

    def seal(self, kind: str = CASE, body: dict | None = None, **more) -> tuple[bytes, bytes]:
        recipients = [box.sealing.public_key for box in self.post.boxes.values()]
        values = {"recipients": recipients, "expires_at": tomorrow(), "signing_key": self.signing}
        return seal_item(kind, body or {"n": 1}, device=self.device, **(values | more))

    def open(self, data: bytes) -> Item:
        header = verify_item(data, signer_for=Members(self.post.members).signer)
        return open_item(header, private_key=self.sealing)


class ScriptedPost:
    """Some boxes, the first of them the hub."""

    def __init__(self, folder: Path, *devices: str) -> None:
        self.folder = folder
        self.members = folder / "members"
        self.members.mkdir(parents=True)
        self.authority = CertificateAuthority(folder / "tls")
        self.port = free_port()
        self.boxes: dict[str, PostBox] = {}
        for device in devices:
            self.boxes[device] = PostBox(self, device)

    def certificates_for(self, device: str) -> PostCertificates:
        certificate, key = self.authority.issue(device, server=device == HUB)
        return PostCertificates(self.authority.certificate, certificate, key)

    def index(self, *parts: str) -> bytes:
        return index_of(INDEX_KEY, *parts)


@contextlib.asynccontextmanager
async def running(*services: PostService) -> AsyncIterator[None]:
    tasks = []
    for service in services:
        listening = asyncio.Event() if service.hub else None
        tasks.append(asyncio.ensure_future(service.run(listening=listening)))
        if listening is not None:
            async with asyncio.timeout(5):
                await listening.wait()
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for service in services:
            service._store.close()


async def publish(service: PostService, data: bytes) -> None:
    taken = await service.publish_item(PublishItem(data=data))
    assert taken.taken, taken.sentence
