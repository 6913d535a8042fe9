"""A dead board is replaced, and a box is reset: real broker and central, two folders as two boxes."""

import asyncio
import contextlib
import datetime as dt
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from nacl.public import PublicKey
from nacl.signing import SigningKey

sys.path.insert(0, str(Path(__file__).parents[1] / "services" / "agent"))
sys.path.insert(0, str(Path(__file__).parents[1] / "services" / "uplink"))

from provisioning_scripted import Post
from uplink_scripted import STAMP, movement_of, until

from appliance.config import Config, Paths, load_config
from appliance.contracts.capture import CaptureClient, Nothing
from appliance.contracts.movement import RECORD_TYPE_MOVEMENT, to_plain
from appliance.contracts.provisioning import fingerprint
from appliance.key_files import read_key
from appliance.services.lane.service import LaneService
from appliance.services.uplink.link import Credentials
from appliance.services.uplink.service import Settings, UplinkService
from appliance.simulation.broker import CENTRAL, PROGRAMS
from appliance.simulation.watchlists import PERSON_LIST, demo_reference_data
from appliance.simulation.world import World
from central import cli as central

NAME = "post-7-lane-1"

pytestmark = pytest.mark.skipif(
    not any(Path(path).exists() for path in (*PROGRAMS, "/usr/sbin/mosquitto")), reason="mosquitto is missing"
)


class Board(Post):
    """A board with a card of its own, whose central is the world's."""

    def __init__(self, folder: Path, world: World) -> None:
        self.world = world
        super().__init__(folder)
        self.keys = world.folder / "central" / "keys"
        self.authority = world.broker.authority

    def issuer(self) -> list[str]:
        key = self.world.folder / "ca.key"
        self.authority.write_key(key)
        return [
            *("--keys", str(self.keys), "--database", self.world.database, "--ca-key", str(key)),
            *("--broker", f"127.0.0.1:{self.world.broker.port}", "--ca", str(self.authority.certificate)),
            *("--reference-root", str(self.keys / "reference-root.json")),
        ]

    def get_name(self, capsys) -> None:
        """A claim, a card, a fingerprint that is read from the screen, an answer."""
        self.claim(capsys, NAME)
        assert self.box.look().code == "asked"
        assert self.enrol(agreed=fingerprint(self.request)) == 0
        assert self.box.look().code == "done"

    @property
    def data(self) -> Path:
        return self.identity.parent / "data"

    @property
    def config(self) -> Config:
        """What provisioning wrote, with the paths of this folder."""
        home = self.identity
        paths = Paths(data=self.data, keys=home / "keys", run=home / "run")
        return msgspec.structs.replace(load_config(home / "borne.toml"), paths=paths)

    def write_paths(self) -> Path:
        """The same as a file, for commands."""
        text = (self.identity / "borne.toml").read_text()
        paths = (
            f'[paths]\ndata = "{self.data}"\nkeys = "{self.identity / "keys"}"\nrun = "{self.identity}/run"\n'
        )
        (self.identity / "here.toml").write_text(f"{text}\n{paths}")
        return self.identity / "here.toml"

    @contextlib.contextmanager
    def lane(self) -> Iterator[LaneService]:
        from appliance.wiring import make_lane

        lane = make_lane(self.config, capture=CaptureClient(self.identity / "nobody.sock"))
        try:
            yield lane
        finally:
            lane.close()

    @contextlib.asynccontextmanager
    async def uplink(self, lane: LaneService) -> AsyncIterator[UplinkService]:
        at = self.config.broker
        credentials = Credentials(at.host, at.port, at.ca, at.certificate, at.key)
        settings = Settings(NAME, credentials, resend_seconds=0.5, min_backoff_seconds=0.05)
        uplink = UplinkService(lane=lane, settings=settings)
        running = asyncio.ensure_future(uplink.run())
        try:
            yield uplink
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def cross(lane: LaneService, name: str, count: int) -> None:
    for number in range(count):
        crossing = f"{name}-{number}"
        movement = msgspec.structs.replace(movement_of(NAME), crossing=crossing)
        lane._journal.commit(crossing, RECORD_TYPE_MOVEMENT, to_plain(movement), STAMP)


async def unsent(lane: LaneService) -> int:
    return (await lane.status(Nothing())).unsent


def deliver(board: Board, name: str, count: int) -> None:
    """So many crossings at this board, until central has signed for all of it."""

    async def main() -> None:
        with board.lane() as lane:
            cross(lane, name, count)
            async with board.uplink(lane):
                while await unsent(lane):
                    await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(main(), 240))


def at_central(world: World) -> dict[str, int]:
    with sqlite3.connect(world.database) as connection:
        crossings = [name for (name,) in connection.execute("SELECT crossing FROM crossings")]
        refused = connection.execute("SELECT count(*) FROM refused").fetchone()[0]
    connection.close()
    assert len(crossings) == len(set(crossings))
    counted = {name: sum(one.startswith(f"{name}-") for one in crossings) for name in ("old", "lost", "new")}
    return counted | {"refused": refused}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path / "world") as running:
        yield running


def laptop(world: World) -> list[object]:
    access = world.broker.access(CENTRAL)
    return [
        *("--broker", f"{access.host}:{access.port}", "--ca", access.ca, "--certificate", access.certificate),
        *("--key", access.key, "--watermark-key", world.folder / "central" / "keys" / "watermark.pub"),
    ]


def test_ok_another_board_under_the_same_name(world: World, tmp_path: Path, borne, capsys) -> None:
    """As docs/recovery.md has it, `Another board in 15 minutes`: nothing of the dead one is lost or doubled,
    the old board counts for nothing any more, and the new one has its lists."""
    old, new = Board(tmp_path / "old", world), Board(tmp_path / "new", world)
    old.get_name(capsys)
    deliver(old, "old", 4)
    with old.lane() as lane:
        epoch = lane._journal.status().epoch
        cross(lane, "lost", 3)  # no line any more; then the board dies
    disk = tmp_path / "disk"

    new.get_name(capsys)
    assert (new.identity / "public/signing.pub").read_text() != (
        old.identity / "public/signing.pub"
    ).read_text()
    deliver(new, "new", 2)
    assert at_central(world) == {"old": 4, "lost": 0, "new": 2, "refused": 0}

    # The old board is switched on once more: nothing of it is a record of this name any more.
    shutil.copytree(old.data, disk)

    async def ghost() -> None:
        with old.lane() as lane:
            cross(lane, "ghost", 1)
            async with old.uplink(lane):
                await until(lambda: at_central(world)["refused"] > 0, seconds=120)

    asyncio.run(ghost())
    assert at_central(world) | {"refused": 0} == {"old": 4, "lost": 0, "new": 2, "refused": 0}

    # The dead one's records, signed by a key that was replaced: refused until somebody admits them.
    first = borne("records", "salvage", disk, *laptop(world), "--patience", "5")
    assert first.code == 1
    assert at_central(world)["lost"] == 0
    words = ("box-keys", NAME, "--database", world.database, "--admit", epoch, "--by", "A. Clerk")
    assert central.main([*words, "--purpose", "the board of lane 1 died"]) == 0
    capsys.readouterr()
    again = borne("records", "salvage", disk, *laptop(world))
    assert again.code == 0, again
    assert at_central(world) | {"refused": 0} == {"old": 4, "lost": 3, "new": 2, "refused": 0}

    # Lists are sealed to the boxes that were known: central signs them anew for the new board's key.
    sign_for(world, new)

    async def lists() -> None:
        with new.lane() as lane:
            async with new.uplink(lane):
                while PERSON_LIST not in {one.name for one in (await lane.status(Nothing())).lists}:
                    await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(lists(), 240))


def sign_for(world: World, board: Board) -> None:
    key = read_key(board.keys / "reference.key", SigningKey)
    demo_reference_data(
        world.folder / "central" / "reference",
        issued_at=dt.datetime.now(dt.UTC),
        signing_key=key,
        recipients=[read_key(board.identity / "public/sealing.pub", PublicKey)],
    )
    world._central(
        "publish", PERSON_LIST, str(world.folder / "central/reference"), *world._broker_arguments()
    )


def test_ok_a_factory_reset_loses_nothing_and_keeps_the_identity(
    world: World, tmp_path: Path, borne, capsys
) -> None:
    """Refused while something is unsent; on a stick it is not lost; then the box is the same, and empty."""
    board = Board(tmp_path / "box", world)
    board.get_name(capsys)
    config = board.write_paths()
    deliver(board, "old", 2)
    with board.lane() as lane:
        cross(lane, "lost", 3)
    identity = files(board.identity)

    said = borne("reset", "--config", config, "--yes", "--json")
    assert (said.code, said.json["unsent"], said.json["reset"]) == (1, 3, False)
    assert borne("reset", "--config", config, "--yes", "--lose", "2").code == 2
    with board.lane() as lane:
        assert asyncio.run(unsent(lane)) == 3, "nothing was removed"

    stick = tmp_path / "stick"
    done = borne("reset", "--config", config, "--yes", "--json", "--export", stick)
    assert (done.code, done.json) == (0, {"reset": True, "device": NAME, "exported": 3, "lost": 0})
    assert files(board.identity) == identity
    left = {path.name for path in board.data.iterdir()}
    assert left <= {"journal.db", "journal.db.lock", "lists-floor", "central-keys.cose"}
    assert (
        central.main(["carry", "in", str(stick), "--database", world.database, "--keys", str(board.keys)])
        == 0
    )
    assert at_central(world) == {"old": 2, "lost": 3, "new": 0, "refused": 0}

    deliver(board, "new", 2)  # with the same key, in a new journal
    assert at_central(world) == {"old": 2, "lost": 3, "new": 2, "refused": 0}


def test_fail_a_reset_that_nobody_confirms_or_while_the_box_works(
    world: World, tmp_path: Path, borne, could_not, capsys, monkeypatch
) -> None:
    import io

    board = Board(tmp_path / "box", world)
    board.get_name(capsys)
    config = board.write_paths()
    with board.lane() as lane:
        cross(lane, "old", 1)
        assert "stop it first" in could_not("reset", "--config", config, "--yes", "--lose", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO("post-8\n"))
    assert borne("reset", "--config", config, "--lose", "1").code == 1
    with board.lane() as lane:
        assert lane._journal.status().last_seq >= 1
        # what was ordered before is not obeyed again afterwards
        lane._journal._connection.execute("UPDATE meta SET value = 77 WHERE name = 'command_counter'")
        lost = asyncio.run(unsent(lane))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NAME}\n"))
    assert borne("reset", "--config", config, "--lose", lost).code == 0
    with board.lane() as lane:
        row = lane._journal._connection.execute("SELECT value FROM meta WHERE name = 'command_counter'")
        assert row.fetchone()[0] == 77
        assert not lane._journal.has_record("old-0")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
