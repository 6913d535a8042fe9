"""A technician's walk with `borne post`, and two lanes that have nothing of their post but what it made."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from second_line_scripted import login
from two_boxes_scripted import Box, PostOfTwo, check, entry_at, make_quick, until

from appliance import cli
from appliance.key_files import HashingKey, read_keys
from appliance.post.items import index_of
from appliance.post.members import Members

DOCUMENT = ("UTO", "L898902C3")
"""Of the traveller that both lanes see: ICAO's own specimen."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    make_quick(monkeypatch)


class WalkedPost(PostOfTwo):
    """A technician with a stick; the authority's folder in a drawer."""

    def __init__(self, folder: Path, root: bytes, capsys) -> None:
        self.stick, self.drawer, self.capsys = folder / "stick", folder / "drawer", capsys
        self.stick.mkdir()
        super().__init__(folder, root)
        shutil.rmtree(folder / "members")
        made = self.borne("init", *self.at_authority, "--post", "North", "--hub", "lane-1")
        for box in self.boxes:
            letters = self.borne("request", self.stick, *self.at(box))["letters"]
            asked = self.stick / f"{box.device}.post-request.json"
            self.borne("enrol", asked, self.stick, *self.at_authority, "--letters", letters)
            self.install(box, f"{box.device}.post.json", "--authority", made["letters"])
        self.install_list()

    def join(self, box: Box) -> dict[str, Path]:
        home = box.home / "post"
        return {
            "ca": home / "post-ca.pem",
            "certificate": home / "box.pem",
            "key": home / "box.pem",
            "members": home / "members",
        }

    @property
    def at_authority(self) -> tuple[object, ...]:
        return ("--authority-folder", self.drawer)

    def at(self, box: Box) -> tuple[object, ...]:
        return ("--config", box.config, "--home", box.home / "post")

    def borne(self, *words: object) -> dict:
        assert cli.main(["post", *(str(word) for word in words), "--json"]) == 0, self.capsys.readouterr()
        return json.loads(self.capsys.readouterr().out)

    def install(self, box: Box, paper: str, *more: object) -> None:
        self.borne("install", self.stick / paper, *self.at(box), *more)

    def install_list(self) -> None:
        for box in self.boxes:
            self.install(box, "members.post.json")


@pytest.fixture
def post(tmp_path: Path, keys_and_lists, capsys) -> WalkedPost:
    return WalkedPost(tmp_path, keys_and_lists[1].first_root, capsys)


def test_ok__two_lanes_exchange_a_case_and_a_passage(post: WalkedPost) -> None:
    async def main() -> None:
        first, second = post.boxes
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            for box in post.boxes:
                assert (await box.lane.login(login("Emil"))).taken
            crossing = (await first.cross("hold")).crossing
            desk = second.lane.second_line
            await until(lambda: desk.queue().cases)
            await until(lambda: len(desk.file(crossing).pictures) == 6)
            assert await second.close(crossing) == ""
            await until(lambda: first.lane.second_line.file(crossing).closed)
            await until(lambda: entry_at(second))
            left = check(await second.cross("press"))
            assert (left.verdict, left.reason, left.evidence["last_direction"]) == ("PASS", "ok", "entry")

    asyncio.run(main())


def test_ok__after_a_theft_entries_from_before_are_found_and_new_ones_too(post: WalkedPost) -> None:
    """lane-3 was never built: its keys were enough to belong, and are taken away while the lanes run."""
    first, second = post.boxes
    third = Box(post, "3", "entry")
    letters = post.borne("request", post.stick, *post.at(third))["letters"]
    asked = post.stick / "lane-3.post-request.json"
    made = post.borne("enrol", asked, post.stick, *post.at_authority, "--letters", letters)
    post.install(third, "lane-3.post.json", "--authority", made["letters"])
    post.install_list()
    stolen = third.home / "keys" / "post-index.key"
    kept = [box.home / "keys" / "post-index.key" for box in post.boxes]
    assert {file.read_bytes() for file in kept} == {stolen.read_bytes()}

    async def main() -> None:
        async with first.network(), second.network(), first.lane_runs(), second.lane_runs():
            await until(lambda: second.lane.second_line.post.other_lanes().reachable)
            await first.cross("press")
            await until(lambda: entry_at(second))
            post.borne("put-out", "lane-3", post.stick, *post.at_authority)
            post.install_list()
            (before,) = read_keys(stolen, HashingKey)
            keys = [read_keys(file, HashingKey) for file in kept]
            assert keys[0] == keys[1] == (keys[0][0], before)
            assert keys[0][0] != before
            for box in post.boxes:
                members = Members(box.home / "post" / "members")
                assert not members.has("lane-3")
                assert len(members.recipients()) == 2
            left = check(await second.cross("press"))
            assert (left.reason, left.evidence["last_direction"]) == ("ok", "entry"), "told before the theft"
            await until(lambda: not entry_at(first))
            await first.cross("press")
            await until(lambda: entry_at(second))
            (look,) = second.lane.second_line.cases._do("SELECT look FROM entries").fetchone()
            assert look == index_of(keys[0][0], *DOCUMENT)
            assert look != index_of(before, *DOCUMENT), "the thief's key says nothing of it"

    asyncio.run(main())
