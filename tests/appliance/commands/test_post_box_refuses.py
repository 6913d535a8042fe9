"""What a box without a shell does not take: another authority's, older, damaged papers; and power cuts."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

sys.path.insert(0, str(Path(__file__).parents[1] / "services/agent"))

from post_boxes import Box, answer, join
from post_lanes import Post

from appliance import whole_files
from appliance.post import joining
from appliance.post.papers import MAX_FILE_BYTES


class TestNotTaking:
    def test_fail_a_foreign_authority_on_a_stick_introduces_itself_to_nobody(
        self, borne, box, tmp_path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        foreign = Post(borne, tmp_path / "elsewhere")
        box.start()
        answer(foreign, box)
        before = box.kept()
        report = box.plug_in(foreign.stick)
        assert (report.state, report.event) == ("asked", "refused")
        assert f"its authority is another, with the letters {foreign.letters}" in report.sentence
        assert "post_refused: lane-2.post.json on the stick: its authority is another" in box.status
        assert box.kept() == before

    def test_fail_the_same_where_take_alone_is_deceived(self, borne, box, tmp_path) -> None:
        """Whoever has taken over what reads the sticks has not the box's keys, nor their trust."""
        (tmp_path / "elsewhere").mkdir()
        foreign = Post(borne, tmp_path / "elsewhere")
        box.start()
        answer(foreign, box)
        shutil.copy(foreign.stick / "lane-2.post.json", box.gathered / "own.post.json")
        wanted = json.loads((box.gathered / "wanted.json").read_text())
        wanted["papers"] = [{"file": "own.post.json", "where": "lane-2.post.json on the stick"}]
        (box.gathered / "wanted.json").write_text(json.dumps(wanted))
        before = box.kept()
        assert box.errand("take") == 1
        assert "authority is another" in box.report.sentence
        assert box.kept() == before

    def test_fail_without_the_authority_s_letters_nothing_is_taken(self, post, box) -> None:
        box.configure(None)
        box.start()
        answer(post, box)
        before = box.kept()
        report = box.plug_in(post.stick)
        assert (report.state, report.event) == ("asked", "no_authority")
        assert 'lacks the line authority = "LETTERS"' in box.status
        assert post.letters not in box.status, "a stick does not say whom to trust"
        assert box.kept() == before
        box.configure(post.letters)
        assert box.start().state == "member"

    def test_fail_an_older_list(self, borne, post, box, tmp_path) -> None:
        join(post, box)
        shutil.copy(post.stick / "members.post.json", tmp_path / "older")
        join(post, Box(borne, tmp_path, "lane-3", authority=post.letters))
        assert box.plug_in(post.stick).members == 2
        before = box.kept()
        stick = tmp_path / "another"
        stick.mkdir()
        shutil.copy(tmp_path / "older", stick / "members.post.json")
        report = box.plug_in(stick)
        assert (report.state, report.event, report.members) == ("member", "refused", 2)
        assert "older" in box.status
        assert box.kept() == before

    def test_fail_another_box_s_paper_under_this_box_s_name(self, borne, post, box, tmp_path) -> None:
        other = Box(borne, tmp_path, "lane-3", authority=post.letters)
        for one in (box, other):
            one.start()
        answer(post, other)
        (post.stick / "lane-3.post.json").rename(post.stick / "lane-2.post.json")
        (post.stick / "members.post.json").unlink()
        report = box.plug_in(post.stick)
        assert (report.state, report.event) == ("asked", "refused")
        assert "it is for lane-3, and this box is lane-2" in report.sentence

    def test_fail_a_list_alone_before_the_box_s_own_paper(self, post, box) -> None:
        box.start()
        answer(post, box)
        (post.stick / "lane-2.post.json").unlink()
        report = box.plug_in(post.stick)
        assert (report.state, report.event) == ("asked", "refused")
        assert "its own paper comes first" in report.sentence

    @pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "large", "link", "pipe", "folder"])
    def test_fail_a_damaged_paper_and_what_is_none(self, post, box, damage: str) -> None:
        box.start()
        answer(post, box)
        paper = post.stick / "lane-2.post.json"
        (post.stick / "members.post.json").unlink()
        whole = paper.read_bytes()
        paper.unlink()
        before = box.kept()
        if damage == "link":
            (post.stick / "there").write_bytes(whole)
            paper.symlink_to("there")
        elif damage == "pipe":
            os.mkfifo(paper)
        elif damage == "folder":
            paper.mkdir()
        else:
            at = whole.index(b"members") + 40
            paper.write_bytes({
                "cut": whole[: len(whole) // 2], "empty": b"", "large": whole + b" " * MAX_FILE_BYTES,
                "flipped": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            }[damage])  # fmt: skip
        if damage == "pipe":  # a copy of a folder does not go with one
            box.slot = post.stick
            report = box.start()
        else:
            report = box.plug_in(post.stick)
        assert (report.state, report.event) == ("asked", "refused")
        assert report.sentence.startswith("lane-2.post.json on the stick: ")
        assert box.kept() == before

    def test_fail_a_folder_that_is_a_link(self, post, box) -> None:
        box.start()
        answer(post, box)
        there = post.stick / "there"
        there.mkdir()
        for file in post.stick.glob("*.post.json"):
            file.rename(there / file.name)
        (post.stick / "lane-2").symlink_to("there")
        report = box.plug_in(post.stick)
        assert (report.state, report.event) == ("asked", "")

    def test_ok_a_stick_of_thousands_of_files_is_not_looked_through(self, post, box, monkeypatch) -> None:
        box.start()
        answer(post, box)
        for number in range(3000):
            (post.stick / f"lane-{number}.post.json.{number}").touch()
        looked: list[str] = []
        real = os.open

        def counted(path, *words, **more):
            if str(path).startswith(str(box.slot)):
                looked.append(Path(path).name)
            return real(path, *words, **more)

        monkeypatch.setattr(os, "open", counted)
        shutil.copytree(post.stick, box.slot)
        looked.clear()
        assert box.errand("gather") == 0
        assert sorted(looked) == [
            "lane-2.post.json",
            "lane-2.post.json",
            "members.post.json",
            "members.post.json",
        ]

    def test_fail_no_keys_yet_and_nothing_gathered(self, box, could_not) -> None:
        words = ("--gathered", box.gathered, "--reported", box.reported, "--home", box.home)
        assert "gather` comes first" in could_not("post", "take", *words)
        box.errand("gather")
        (box.keys / "signing.pub").unlink()
        assert "signing.pub cannot be read" in could_not("post", "take", *words)
        (box.gathered / "wanted.json").write_text("[")
        assert "not understood" in could_not("post", "take", *words)


class PowerCut(BaseException):
    """Nothing after it happens."""


class TestPowerCuts:
    def test_ok_cut_at_every_write_and_the_next_start_ends_it_without_the_stick(
        self, post, box, monkeypatch
    ) -> None:
        box.start()
        answer(post, box)
        shutil.copytree(post.stick, box.slot)
        box.errand("gather")
        fresh = box.folder.with_name("fresh")
        shutil.copytree(box.folder, fresh)
        real, cuts = whole_files.write_with, 0

        for cut in range(100):
            shutil.rmtree(box.folder)
            shutil.copytree(fresh, box.folder)
            left = cut

            def write_with(path, write, *, mode=0o600):
                nonlocal left
                if left == 0:
                    raise PowerCut
                left -= 1
                real(path, write, mode=mode)

            monkeypatch.setattr(whole_files, "write_with", write_with)
            try:
                box.errand("take")
            except PowerCut:
                cuts += 1
            else:
                break
            finally:
                monkeypatch.setattr(whole_files, "write_with", real)
            shutil.rmtree(box.slot)  # whoever brought it has gone
            begun = (box.home / joining.TAKING).exists()
            report = box.start()
            if begun:
                assert report.state == "member", f"cut {cut}"
                assert len(box.index()) == 1
                assert not (box.home / joining.TAKING).exists()
                assert not (box.folder / "post-asked" / "next.key").exists()
            else:
                assert report.state in ("asked", "member")
        assert cuts > 6
        assert box.report.state == "member"
