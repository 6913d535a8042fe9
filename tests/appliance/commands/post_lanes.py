"""Boxes of a post, the technician's walk between them, and an item through the real hub: what tests share."""

import asyncio
import datetime as dt
import socket
from pathlib import Path

from nacl.signing import SigningKey

from appliance.clock import Clock
from appliance.config import ClockSource
from appliance.contracts.post import FetchItems, PublishItem
from appliance.key_files import write_key
from appliance.post.items import CASE, seal_item
from appliance.records.keys import load_box_keys
from appliance.services.uplink.post.hub import PostCertificates
from appliance.services.uplink.post.service import PostService, PostSettings
from appliance.services.uplink.post.store import PostStore

NOW = dt.datetime.now(dt.UTC)


class Lane:
    """One box: its configuration, its signing key, its folder for the post."""

    def __init__(self, folder: Path, device: str) -> None:
        self.device, self.home = device, folder / device / "post"
        self.folder = folder / device
        self.folder.mkdir()
        self.keys = self.folder / "keys"
        made = load_box_keys(self.keys)
        self.signing, self.sealing = made.signing, made.sealing
        write_key(self.folder / "central.pub", SigningKey.generate().verify_key)
        self.config = self.folder / "borne.toml"
        self.config.write_text(
            f'[box]\ndevice = "{device}"\npost = "p"\n[paths]\nkeys = "{self.folder}/keys"\n'
            f'[central]\nsealing_key = "{self.folder}/x"\nwatermark_key = "{self.folder}/central.pub"\n'
        )

    @property
    def words(self) -> tuple[object, ...]:
        return ("--config", self.config, "--home", self.home)

    def service(self, port: int) -> PostService:
        pair = self.home / "box.pem"
        settings = PostSettings(
            device=self.device,
            hub="lane-1",
            address="127.0.0.1",
            port=port,
            members=self.home / "members",
            certificates=PostCertificates(self.home / "post-ca.pem", pair, pair),
        )
        store = PostStore.open(self.folder / "post.db")
        return PostService(settings=settings, store=store, clock=Clock(source=ClockSource.HOST))


class Post:
    """The technician's walk from box to box, with a stick and two pairs of eyes."""

    def __init__(self, borne, folder: Path) -> None:
        self.borne, self.folder = borne, folder
        self.authority, self.stick = folder / "authority", folder / "stick"
        self.stick.mkdir()
        words = ("post", "init", "--authority-folder", self.authority, "--post", "North", "--hub", "lane-1")
        self.letters = borne(*words, "--json").json["letters"]

    def ask(self, lane: Lane) -> str:
        return str(self.borne("post", "request", self.stick, *lane.words, "--json").json["letters"])

    def enrol(self, lane: Lane, letters: str, *more: object):
        request = self.stick / f"{lane.device}.post-request.json"
        own = ("--authority-folder", self.authority, "--letters", letters)
        return self.borne("post", "enrol", request, self.stick, *own, *more, "--json")

    def install(self, lane: Lane, file: str | None = None, *more: object):
        paper = self.stick / (file or f"{lane.device}.post.json")
        return self.borne("post", "install", paper, *lane.words, *more, "--json")

    def join(self, lane: Lane) -> None:
        assert self.enrol(lane, self.ask(lane)).code == 0
        assert self.install(lane, None, "--authority", self.letters).code == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def item_of(lane: Lane) -> bytes:
    """A case that this box has signed."""
    data, _ = seal_item(
        CASE, {"n": 1}, device=lane.device, recipients=[], expires_at=NOW + dt.timedelta(days=1),
        signing_key=lane.signing,
    )  # fmt: skip
    return data


async def carried(hub: Lane, other: Lane, data: bytes) -> str:
    """Empty when the hub gets from the other box what that one has published; else why the box is refused."""
    port = free_port()
    at_hub, at_other = hub.service(port), other.service(port)
    assert at_other.link is not None
    not_yet = at_other.link.sentence
    listening = asyncio.Event()
    tasks = [
        asyncio.ensure_future(at_hub.run(listening=listening)),
        asyncio.ensure_future(at_other.run()),
    ]
    try:
        await listening.wait()
        taken = await at_other.publish_item(PublishItem(data=data))
        assert taken.taken, taken.sentence
        async with asyncio.timeout(60):
            while not (await at_hub.fetch_items(FetchItems(after=0, wait=0.1))).items:
                if at_other.link.sentence not in ("", not_yet):
                    return at_other.link.sentence
        return ""
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for service in (at_hub, at_other):
            service._store.close()
