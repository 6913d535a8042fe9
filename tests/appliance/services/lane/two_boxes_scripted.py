"""Two boxes of one post, built through the wiring as systemd's units build them, but for the devices."""

import asyncio
import contextlib
import sys
from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey
from second_line_scripted import HONEST, PINS, REASON, LitReader, staff

from appliance.config import load_config
from appliance.contracts.cases import CaseOutcome, CloseCase
from appliance.contracts.lane import FetchOutbox, Press
from appliance.key_files import write_key
from appliance.records import envelope, officers
from appliance.records.keys import load_box_keys
from appliance.services.lane.second_line import post_desk
from appliance.services.uplink.post import hub_link
from appliance.services.uplink.post import service as post_services
from appliance.simulation.certificates import CertificateAuthority
from appliance.wiring import make_lane, make_post

sys.path.insert(0, str(Path(__file__).parents[1] / "uplink" / "post"))
from post_scripted import INDEX_KEY, free_port

CONFIG = """
[box]
device = "{device}"
post = "Test post"
lane = "{lane}"
direction = "{direction}"
profile = "training"
clock = "host"
[paths]
data = "{home}/data"
keys = "{home}/keys"
run = "{home}/run"
policy = "{folder}/policy.toml"
[central]
sealing_key = "{folder}/sealing.pub"
watermark_key = "{folder}/watermark.pub"
reference_root = "{folder}/reference-root.json"
[post]
hub = "lane-1"
address = "127.0.0.1"
port = {port}
ca = "{ca}"
certificate = "{certificate}"
key = "{key}"
members = "{members}"
data = "{home}/uplink"
"""


def make_quick(monkeypatch) -> None:
    monkeypatch.setattr(officers, "MEMORY", 8192)
    monkeypatch.setattr(officers, "OPS", 1)
    monkeypatch.setattr(hub_link, "MIN_BACKOFF_SECONDS", 0.05)
    monkeypatch.setattr(hub_link, "MAX_BACKOFF_SECONDS", 0.2)
    monkeypatch.setattr(hub_link, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(post_services, "LISTEN_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(post_desk, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(post_desk, "WAIT_SECONDS", 1.0)


class PostOfTwo:
    """lane-1, which is the hub, for entries; lane-2 for exits."""

    def __init__(self, folder: Path, root: bytes) -> None:
        self.folder = folder
        (folder / "members").mkdir()
        (folder / "reference-root.json").write_bytes(root)
        self.central = PrivateKey.generate()
        write_key(folder / "sealing.pub", self.central.public_key)
        write_key(folder / "watermark.pub", SigningKey.generate().verify_key)
        text = Path("appliance/services/lane/policy.toml").read_text("utf-8")
        (folder / "policy.toml").write_text(text.replace("notice_seconds = 7", "notice_seconds = 0"))
        self.authority = CertificateAuthority(folder / "tls")
        self.port = free_port()
        self.boxes = [Box(self, "1", "entry"), Box(self, "2", "exit")]

    def join(self, box: "Box") -> dict[str, Path]:
        """The box's files of the post; what its configuration says of them."""
        members = self.folder / "members"
        write_key(box.home / "keys" / "post-index.key", INDEX_KEY)
        write_key(members / f"{box.device}.signing.pub", box.keys.signing.verify_key)
        write_key(members / f"{box.device}.sealing.pub", box.keys.sealing.public_key)
        certificate, key = self.authority.issue(box.device, server=box.device == "lane-1")
        return {
            "ca": self.authority.certificate,
            "certificate": certificate,
            "key": key,
            "members": members,
        }

    def stay_days(self, days: float) -> None:
        path = self.folder / "policy.toml"
        path.write_text(path.read_text().replace("\nstay_days = 0\n", f"\nstay_days = {days}\n"))


class Box:
    """One box of the post, built as systemd's units build it, but for the devices."""

    def __init__(self, post: PostOfTwo, lane: str, direction: str) -> None:
        self.post, self.device = post, f"lane-{lane}"
        self.home = post.folder / self.device
        self.keys = load_box_keys(self.home / "keys")
        self.config = self.home / "borne.toml"
        self.config.write_text(
            CONFIG.format(
                device=self.device,
                lane=lane,
                direction=direction,
                home=self.home,
                folder=post.folder,
                port=post.port,
                **post.join(self),
            )
        )
        self.capture = LitReader(HONEST)

    @contextlib.asynccontextmanager
    async def network(self):
        """Its uplink's part in the post."""
        self.uplink = make_post(load_config(self.config))
        listening = asyncio.Event() if self.uplink.hub else None
        task = asyncio.create_task(self.uplink.run(listening=listening))
        if listening is not None:
            async with asyncio.timeout(10):
                await listening.wait()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.uplink._store.close()

    @contextlib.asynccontextmanager
    async def lane_runs(self):
        """Its lane, over an uplink that may come and go."""
        (self.home / "data").mkdir(exist_ok=True)
        staff(self.home / "data", self.keys.storage)
        self.lane = make_lane(load_config(self.config), capture=self.capture, post=Through(self))
        task = asyncio.create_task(self.lane.run())
        try:
            yield self
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.lane.close()

    async def until(self, wanted):
        async with asyncio.timeout(60):
            view = self.lane.view()
            while not wanted(view):
                view = await self.lane.wait_for_change(view.revision, 0.5)
            return view

    async def cross(self, event: str):
        """A traveller comes, and the officer presses or holds; the last view of them."""
        before = self.lane.view().crossings
        for step, press in (("waiting", "press"), ("deciding", event)):
            while True:
                view = await self.until(
                    lambda view, step=step: view.step == step and (view.press or view.hold)
                )
                if (await self.lane.press(Press(event=press, revision=view.revision))).taken:
                    break
                await asyncio.sleep(0.01)
        await self.until(lambda view: view.crossings == before + 1 and view.press == "start")
        return view

    async def close(self, crossing: str, name: str = "Emil", **changes) -> str:
        values = {"outcome": CaseOutcome.ADMITTED, "reason": REASON, "pin": PINS[name]}
        request = CloseCase(crossing=crossing, **(values | changes))
        return (await asyncio.to_thread(self.lane.second_line.close, request)).problem

    async def closed_records(self) -> list[dict]:
        page = await self.lane.fetch_outbox(FetchOutbox(after=0, limit=256))
        found = []
        for record in page.records:
            sealed = envelope.verify(
                record.envelope, verify_key_for=lambda _kid: self.keys.signing.verify_key
            )
            opened = envelope.open_(sealed, private_key=self.post.central)
            found += [opened.body] if opened.type == "case_closed" else []
        return found


class Through:
    """`Post` of the uplink that runs now: unreachable while none does."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def __getattr__(self, operation: str):
        async def call(request):
            from appliance.contracts.errors import ServiceError

            uplink = getattr(self._box, "uplink", None)
            if uplink is None:
                raise ServiceError("unreachable", "No uplink.", retry=True)
            return await getattr(uplink, operation)(request)

        return call


async def until(wanted, seconds: float = 30.0):
    async with asyncio.timeout(seconds):
        while not (found := wanted()):
            await asyncio.sleep(0.02)
        return found


def entry_at(box: Box):
    """Whether it knows of an entry that no exit has ended."""
    return box.lane.second_line.cases._do("SELECT 1 FROM entries").fetchone()


def check(view, id_: str = "history.crossings"):
    return next(one for one in view.checks if one.id == id_)
