"""A box without a shell joins its post: its errands, a technician's stick, and the post's real authority."""

import asyncio
import datetime as dt
import shutil
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

sys.path.insert(0, str(Path(__file__).parent))

sys.path.insert(0, str(Path(__file__).parents[1] / "services/agent"))

from post_boxes import Box, answer, join
from post_lanes import NOW, carried, item_of
from provisioning_scripted import Post as Start

from appliance.commands import post_box
from appliance.config import ConfigError, load_config
from appliance.contracts.post_joining import PostWanted
from appliance.post import joining
from appliance.post.index_keys import FILE, IndexKeys
from appliance.post.papers import read_request
from appliance.records.keys import load_box_keys
from appliance.records.vault import BoardVault


class TestAsking:
    def test_ok_the_request_on_the_card_is_the_one_that_borne_post_request_makes(self, post, box) -> None:
        report = box.start()
        assert (report.state, report.event) == ("asked", "")
        request, csr = read_request(box.request_file)
        assert request.device == "lane-2"
        assert request.signing_key == bytes(box.signing.verify_key).hex()
        assert isinstance(csr, x509.CertificateSigningRequest)
        assert box.status == (
            "post_asked: This box has no certificate of its post. lane-2.post-request.json is for the post's "
            f"authority. Its letters are {report.letters}: read them there.\n"
        )
        assert box.request_file.read_text().strip() == report.request
        assert not any("PRIVATE" in file.read_text() for file in box.card.iterdir()), "no key travels"

    def test_ok_the_same_request_at_every_start_until_it_is_answered(self, box) -> None:
        first = box.start().request
        written = box.request_file.stat().st_mtime_ns
        assert box.start().request == first
        assert box.request_file.stat().st_mtime_ns == written, "a card wears"
        box.request_file.unlink()
        box.start()
        assert box.request_file.read_text().strip() == first

    def test_ok_the_key_that_waits_is_in_a_folder_of_its_own(self, box) -> None:
        box.start()
        assert stat.S_IMODE((box.folder / "post-asked").stat().st_mode) == 0o700
        assert stat.S_IMODE((box.folder / "post-asked" / "next.key").stat().st_mode) == 0o600

    def test_ok_of_device_toml_before_there_is_a_configuration(self, box, post) -> None:
        box.config.unlink()
        claim = f'[claim]\ntoken = "{"A" * 32}"\ncentral_key = "{"00" * 32}"\n'
        text = f'[box]\ndevice = "lane-2"\npost = "p"\n{claim}[post]\nhub = "lane-1"\naddress = "127.0.0.1"\n'
        paths = (
            f'ca = "{box.home}/post-ca.pem"\ncertificate = "{box.home}/box.pem"\nkey = "{box.home}/box.pem"\n'
        )
        (box.card / "device.toml").write_text(f'{text}{paths}members = "{box.home}/members"\n')
        assert box.start().state == "asked"
        assert read_request(box.request_file)[0].device == "lane-2"

    def test_ok_a_box_that_has_no_post_asks_for_nothing(self, box) -> None:
        box.config.write_text(box.plain)
        assert box.errand("gather") == 0
        assert list(box.gathered.iterdir()) == []
        assert box.errand("tell") == 0
        assert list(box.card.iterdir()) == []

    def test_ok_whoever_names_files_of_his_own_installs_by_hand(self, box) -> None:
        box.configure(
            None, more='ca = "/x/ca.pem"\ncertificate = "/x/b.pem"\nkey = "/x/b.key"\nmembers = "/x/m"\n'
        )
        assert box.start().state == "by_hand"
        assert not box.home.exists()
        assert box.status.startswith("post_by_hand: ")

    def test_ok_asked_anew_90_days_before_the_end_and_with_a_new_key_of_its_own(self, post, box) -> None:
        box.start()
        answer(post, box, "--days", "89")
        report = box.plug_in(post.stick)
        assert (report.state, report.event) == ("renewal", "taken")
        assert box.request_file.exists()
        pair = (box.home / "box.pem").read_bytes()
        assert box.start().request == report.request
        assert (box.home / "box.pem").read_bytes() == pair, "the present one goes on until the answer"
        answer(post, box)
        assert box.plug_in(post.stick).state == "member"
        assert (box.home / "box.pem").read_bytes() != pair
        assert not box.request_file.exists()


class TestTaking:
    @pytest.mark.parametrize("folder", ["", "lane-2"])
    def test_ok_from_the_stick_at_its_top_or_in_the_box_s_folder(self, post, box, folder: str) -> None:
        box.start()
        answer(post, box)
        if folder:
            (post.stick / folder).mkdir()
            for file in post.stick.glob("*.json"):
                file.rename(post.stick / folder / file.name)
        report = box.plug_in(post.stick)
        assert (report.state, report.event, report.members) == ("member", "taken", 1)
        assert report.authority == post.letters
        assert report.new_certificate_at is not None
        assert stat.S_IMODE((box.home / "box.pem").stat().st_mode) == 0o640
        assert stat.S_IMODE((box.keys / FILE).stat().st_mode) == 0o600
        assert "post_member: " in box.status
        assert "post_taken: " in box.status
        assert not box.request_file.exists()
        assert not (box.folder / "post-asked" / "next.key").exists()
        assert box.start().event == "", "the stick is in still, and says nothing new"

    def test_ok_from_the_card_which_it_leaves(self, post, box) -> None:
        box.start()
        answer(post, box)
        for file in post.stick.glob("*.post.json"):
            shutil.copy(file, box.card)
        assert box.start().state == "member"
        assert [file.name for file in box.card.iterdir()] == ["status.txt"]

    def test_ok_two_boxes_then_give_each_other_an_item_through_the_hub(
        self, borne, post, box, tmp_path
    ) -> None:
        hub = Box(borne, tmp_path, "lane-1", authority=post.letters.lower().replace(" ", ""))
        for one in (hub, box):
            join(post, one)
        assert hub.plug_in(post.stick).members == 2, "the list that came with the second box's paper"
        assert hub.index() == box.index()
        assert asyncio.run(carried(hub, box, item_of(box))) == ""

    def test_ok_a_list_after_a_theft(self, borne, post, box, tmp_path) -> None:
        join(post, box)
        (before,) = box.index()
        other = Box(borne, tmp_path, "lane-3", authority=post.letters)
        join(post, other)
        words = ("post", "put-out", "lane-3", post.stick, "--authority-folder", post.authority)
        assert borne(*words).code == 0
        report = box.plug_in(post.stick)
        assert (report.event, report.members) == ("taken", 1)
        assert box.index()[1:] == (before,)
        gone = other.plug_in(post.stick)
        assert gone.event == "refused"
        assert "does not belong to this post any more" in gone.sentence

    def test_ok_under_the_tier_of_the_box_s_other_keys(self, post, box) -> None:
        (box.folder / "board.key").write_text("1f2e" * 16)
        (box.folder / "board.key").chmod(0o600)
        shutil.rmtree(box.keys)
        protection = f'[protection]\nkeys = "board"\nboard_key = "{box.folder}/board.key"\n'
        box.plain = box.plain.replace("[central]", f"{protection}[central]")
        box.configure(post.letters)
        load_box_keys(box.keys, BoardVault.of_file(box.folder / "board.key"))
        join(post, box)
        assert sorted(file.name for file in box.keys.glob("post-index.*")) == ["post-index.sealed"]
        assert len(IndexKeys(box.keys / FILE, BoardVault.of_file(box.folder / "board.key")).all()) == 1

    def test_ok_from_the_claim_to_the_post_with_both_requests_on_one_card(
        self, borne, post, tmp_path, capsys
    ) -> None:
        """device.toml's [post] is asked for before the box has its name, and is the configuration's then."""
        start = Start(tmp_path / "start")
        start.claim(capsys, "lane-2")
        file, home = start.card / "device.toml", start.identity / "post"
        lines = f'[post]\nhub = "lane-1"\naddress = "10.0.0.1"\nauthority = "{post.letters}"\n'
        for name, own in (("ca", "post-ca"), ("certificate", "box"), ("key", "box")):
            lines += f'{name} = "{home}/{own}.pem"\n'
        file.write_text(f'{file.read_text()}\n{lines}members = "{home}/members"\n')
        box = Box.__new__(Box)
        box.borne, box.device, box.folder, box.home = borne, "lane-2", start.identity, home
        box.card, box.slot, box.keys = start.card, start.stick, start.identity / "keys"
        box.gathered, box.reported = tmp_path / "gathered", tmp_path / "reported"
        box.gathered.mkdir()
        box.reported.mkdir()
        assert start.box.look().code == "asked"
        assert box.start().state == "asked"
        assert start.box.look().code == "asked"
        codes = [line.partition(":")[0] for line in box.status.splitlines()]
        assert codes == ["asked", "post_asked"], "each has its line, whoever writes last"
        assert start.enrol() == 0
        assert start.box.look().code == "done"
        answer(post, box)
        # the configuration's keys are the image's own
        text = (start.identity / "borne.toml").read_text()
        (start.identity / "borne.toml").write_text(f'{text}[paths]\nkeys = "{box.keys}"\n')
        assert box.plug_in(post.stick).state == "member"
        codes = [line.partition(":")[0] for line in box.status.splitlines()]
        assert codes == ["done", "post_member", "post_taken"]
        assert [one.name for one in start.card.iterdir()] == ["status.txt"]


def test_ok__the_files_of_a_post_need_no_naming(tmp_path: Path) -> None:
    """On an image they are where the errands keep them."""
    file = tmp_path / "borne.toml"
    text = (
        '[box]\ndevice = "a"\npost = "p"\n[central]\nsealing_key = "s"\nwatermark_key = "w"\n'
        '[post]\nhub = "a"\naddress = "10.0.0.1"\nauthority = "1a2B3C4D 5E6F7A8B"\n'
    )
    file.write_text(text)
    post = load_config(file).post
    assert post is not None
    wanted = post_box._wanted("a", post, load_config(file).protection, Path("/k"), post_box.HOME)
    assert wanted is not None
    assert (wanted.by_hand, wanted.authority) == (False, "1a2B3C4D 5E6F7A8B")
    for wrong in (
        "1A2B 3C4D 5E6F",
        "1A2B 3C4D 5E6F 7A8G",
        "",
        "1A2B  3C4D 5E6F 7A8B",
        "1A2B 3C4D 5E6F 7A8B ",
    ):
        file.write_text(text.replace("1a2B3C4D 5E6F7A8B", wrong))
        with pytest.raises(ConfigError, match=r"line 10: `post.authority`: 16 letters as `borne post init`"):
            load_config(file)


@pytest.mark.parametrize(
    ("days", "state"), [(-20_000, "member"), (709, "member"), (711, "renewal"), (801, "ended")]
)
def test_ok__by_the_box_s_clock(post, box, days: int, state: str) -> None:
    """A clock that is wrong asks too early or too late, and puts nobody out."""
    join(post, box)
    errand = joining.Joining(
        msgspec.json.decode((box.gathered / "wanted.json").read_bytes(), type=PostWanted, dec_hook=text_of),
        folder=box.home, signing=box.signing.verify_key, sealing_public=box.sealing.public_key,
        sealing=lambda: box.sealing, keeper=lambda: None,
    )  # fmt: skip
    report = errand.run(box.gathered, now=NOW + dt.timedelta(days=days))
    assert (report.state, bool(report.request)) == (state, state != "member")
    assert (box.home / "box.pem").exists()


def text_of(kind: type, text: object) -> object:
    return kind(text)
