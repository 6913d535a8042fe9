"""A box's papers of its post: who can open the index key, and a power cut at any write of an install."""

import contextlib
import datetime as dt
import json
import os
import stat
import sys
import tempfile
from pathlib import Path

import cbor2
import msgspec
import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox
from nacl.signing import SigningKey

sys.path.insert(0, str(Path(__file__).parents[1] / "records"))

from test_counter import _patient, needs_swtpm, tcti  # noqa: F401 - the fixture

from appliance import whole_files
from appliance.key_files import HashingKey, KeyFileError, key_text, read_keys
from appliance.post import home as homes
from appliance.post import index_keys
from appliance.post.authority import STATE_FILE, PostAuthority
from appliance.post.home import PostHome
from appliance.post.index_keys import FILE, MAX_INDEX_KEYS, IndexKeys, open_index, seal_index, write_index
from appliance.post.members import Members
from appliance.post.papers import MAX_FILE_BYTES, MAX_MEMBERS, PostPaperError, Request, read_paper, sign_paper
from appliance.records.counter import TpmCounter
from appliance.records.vault import BoardVault, TpmVault

NOW = dt.datetime.now(dt.UTC)
BOARD = BoardVault(bytes(range(32)))
ONE, TWO = HashingKey(bytes(32)), HashingKey(bytes(range(32)))


class Lane:
    """A box with keys of its own, as it asks and installs."""

    def __init__(self, folder: Path, device: str) -> None:
        self.device, self.folder = device, folder / device
        self.keys, self.home = self.folder / "keys", PostHome(self.folder / "post")
        self.members = self.folder / "post" / "members"
        self.keys.mkdir(parents=True)
        self.signing, self.sealing = SigningKey.generate(), PrivateKey.generate()

    def request(self) -> Request:
        return self.home.request(self.device, self.signing.verify_key, self.sealing.public_key)

    def install(self, paper: bytes, letters: str | None = None) -> None:
        file = self.folder / "paper"
        file.write_bytes(paper)
        self.home.install(
            file, device=self.device, letters=letters, sealing=self.sealing, keys=self.keys
        )  # fmt: skip

    def index(self) -> tuple[HashingKey, ...]:
        return read_keys(self.keys / FILE, HashingKey)

    def all_files(self) -> dict[str, bytes]:
        files = [file for part in (self.keys, self.folder / "post") for file in part.rglob("*")]
        return {str(file): file.read_bytes() for file in files if file.is_file()}


def answer(authority: PostAuthority, request: Request, **more) -> bytes:
    return authority.enrol(request, x509.load_pem_x509_csr(request.csr.encode()), now=NOW, **more)


@pytest.fixture
def authority(tmp_path: Path) -> PostAuthority:
    return PostAuthority.create(tmp_path / "drawer", post="p", hub="lane-1", now=NOW)


@pytest.fixture
def lanes(authority: PostAuthority, tmp_path: Path) -> list[Lane]:
    """Three boxes, each with its own paper and the list."""
    made = [Lane(tmp_path, f"lane-{number}") for number in (1, 2, 3)]
    for lane in made:
        lane.install(answer(authority, lane.request()), authority.letters)
    for lane in made:
        lane.install(authority.list_for_all())
    return made


class TestTheIndexKey:
    def test_ok_the_same_at_every_lane_and_only_its_owner_s(self, lanes) -> None:
        assert len({lane.index() for lane in lanes}) == 1
        for lane in lanes:
            assert stat.S_IMODE((lane.keys / FILE).stat().st_mode) == 0o600
            assert len(Members(lane.members).recipients()) == 3

    def test_ok_no_paper_shows_it(self, authority, lanes) -> None:
        (key,) = lanes[0].index()
        papers = [authority.list_for_all(), answer(authority, lanes[0].request())]
        assert not any(bytes(key).hex().encode() in paper for paper in papers)
        assert stat.S_IMODE((authority._folder / STATE_FILE).stat().st_mode) == 0o600

    def test_ok_another_one_when_a_box_is_put_out_and_the_old_ones_live_as_long_as_entries(
        self, authority, lanes
    ) -> None:
        first, _, third = lanes
        (old,) = first.index()
        authority.put_out("lane-3", now=NOW)
        first.install(authority.list_for_all())
        new, before = first.index()
        assert (before, new != old) == (old, True)
        with pytest.raises(PostPaperError, match="any more"):
            third.install(authority.list_for_all())
        assert third.index() == (old,)
        authority.put_out("lane-2", now=NOW + dt.timedelta(days=401))
        first.install(authority.list_for_all())
        assert first.index()[1:] == (new,), "nothing was told under the first for longer than an entry lives"

    def test_ok_no_more_than_a_file_holds(self, authority, lanes, tmp_path: Path) -> None:
        for number in range(MAX_INDEX_KEYS + 2):
            answer(authority, Lane(tmp_path, f"more-{number}").request())
            authority.put_out(f"more-{number}", now=NOW)
        lanes[0].install(authority.list_for_all())
        assert len(lanes[0].index()) == MAX_INDEX_KEYS

    def test_ok_the_largest_post_has_papers_that_are_read(self, authority, tmp_path: Path) -> None:
        for number in range(MAX_INDEX_KEYS):
            answer(authority, Lane(tmp_path, f"gone-{number}").request())
            authority.put_out(f"gone-{number}", now=NOW)
        for number in range(MAX_MEMBERS):
            answer(authority, Lane(tmp_path, f"a-box-with-a-rather-long-name-{number}").request())
        file = tmp_path / "list"
        file.write_bytes(authority.list_for_all())
        assert file.stat().st_size < MAX_FILE_BYTES
        assert len(read_paper(file)[0].index) == MAX_MEMBERS
        with pytest.raises(PostPaperError, match="at most"):
            answer(authority, Lane(tmp_path, "one-more").request())

    def test_fail_another_box_s_paper_and_one_from_before_the_sealing_key_changed(
        self, authority, lanes
    ) -> None:
        first, second, _ = lanes
        with pytest.raises(PostPaperError, match="is for lane-2"):
            first.install(answer(authority, second.request()))
        first.sealing = PrivateKey.generate()
        asked = first.request()
        with pytest.raises(PostPaperError, match="--changed-key"):
            answer(authority, asked)
        before = first.all_files()
        with pytest.raises(PostPaperError, match="sealing key has changed"):
            first.install(authority.list_for_all())
        assert first.all_files() == before, "nothing is written before everything is looked at"
        first.install(answer(authority, first.request(), changed_key=True))
        assert first.index() == second.index()

    @pytest.mark.parametrize("plain", [b"", bytes(31), bytes(32 * (MAX_INDEX_KEYS + 1))])
    def test_fail_sealed_and_no_key(self, plain: bytes) -> None:
        box = PrivateKey.generate()
        with pytest.raises(PostPaperError, match="no index key"):
            open_index(bytes(SealedBox(box.public_key).encrypt(plain)).hex(), box)

    def test_fail_sealed_to_another_or_damaged(self) -> None:
        box = PrivateKey.generate()
        sealed = seal_index((ONE,), box.public_key)
        assert open_index(sealed, box) == (ONE,)
        for changed, key in ((sealed, PrivateKey.generate()), (sealed[:-2], box), ("00" * 48, box)):
            with pytest.raises(PostPaperError, match="not sealed to this box"):
                open_index(changed, key)

    @settings(max_examples=60)
    @given(st.binary(max_size=500))
    def test_fail_any_bytes(self, data: bytes) -> None:
        box = PrivateKey(bytes(32))
        for sealed in (data, bytes(SealedBox(box.public_key).encrypt(data))):
            with contextlib.suppress(PostPaperError):
                assert len(b"".join(open_index(sealed.hex(), box))) == len(data)

    def test_ok_a_lane_that_runs_sees_the_new_one_and_keeps_the_last_good_one(self, tmp_path: Path) -> None:
        write_index(tmp_path, (ONE,))
        keys = IndexKeys(tmp_path / FILE)
        assert (keys.present, keys.all()) == (ONE, (ONE,))
        write_index(tmp_path, (TWO, ONE))
        assert (keys.present, keys.all()) == (TWO, (TWO, ONE))
        for damage in ("", "rubbish", key_text(PrivateKey.generate())):
            (tmp_path / FILE).write_text(damage)
            assert keys.all() == (TWO, ONE)
        (tmp_path / FILE).unlink()
        assert keys.present == TWO
        with pytest.raises(KeyFileError):
            IndexKeys(tmp_path / FILE)

    def test_ok_it_lies_under_what_keeps_the_lane_s_other_keys(self, tmp_path: Path) -> None:
        """One from before is protected and removed; a lane sees a new one; no other board reads it."""
        many = tuple(HashingKey(bytes([number]) * 32) for number in range(1, MAX_INDEX_KEYS + 1))
        write_index(tmp_path, many)
        keys = IndexKeys(tmp_path / FILE, BOARD)
        assert keys.all() == many
        assert [file.name for file in tmp_path.iterdir()] == ["post-index.sealed"]
        write_index(tmp_path, (TWO, ONE), BOARD)
        assert keys.all() == (TWO, ONE)
        content = (tmp_path / "post-index.sealed").read_bytes()
        assert bytes(ONE) not in content
        assert bytes(ONE).hex().encode() not in content
        with pytest.raises(KeyFileError, match="not protected by this board"):
            IndexKeys(tmp_path / FILE, BoardVault(bytes(range(1, 33))))
        with pytest.raises(KeyFileError, match="does not say by what"):
            IndexKeys(tmp_path / FILE)
        for damage in (b"", b"\xff", cbor2.dumps([b"", b""]), cbor2.dumps([1, 2]), content[:-1]):
            (tmp_path / "post-index.sealed").write_bytes(damage)
            assert keys.all() == (TWO, ONE)
            with pytest.raises(KeyFileError):
                IndexKeys(tmp_path / FILE, BOARD)

    @needs_swtpm
    def test_ok_eight_keys_under_a_tpm(self, tcti: str, tmp_path: Path) -> None:  # noqa: F811
        _patient(TpmCounter(tcti))
        many = tuple(HashingKey(bytes([number]) * 32) for number in range(1, MAX_INDEX_KEYS + 1))
        write_index(tmp_path, many, TpmVault(tcti))
        assert IndexKeys(tmp_path / FILE, TpmVault(tcti)).all() == many

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root installs for another")
    def test_ok_the_lane_s_own_when_root_installs_it_and_no_trap_leads_further(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            keys, prize = folder / "keys", folder / "prize"
            keys.mkdir(mode=0o700)
            os.chown(keys, 4711, 4712)
            prize.write_text("root's")
            write_index(keys, (ONE,))
            found = (keys / FILE).stat()
            assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (4711, 4712, 0o600)
            (keys / f".{FILE}.new").symlink_to(prize)
            with pytest.raises(PermissionError):
                write_index(keys, (TWO,))
            assert prize.read_text() == "root's"
            assert (os.geteuid(), os.getegid()) == (0, 0)


class TestPowerCuts:
    def test_ok_the_same_paper_once_more_mends_every_cut(
        self, authority, lanes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The power goes before each write of an install; what is there then is old or new, and whole."""
        first, second, _ = lanes
        authority.put_out("lane-3", now=NOW)
        paper = answer(authority, first.request())
        old = first.index()
        new = (HashingKey(bytes.fromhex(authority._state.index[0].key)), *old)
        cuts = 0
        while self._cut_after(cuts, lambda: first.install(paper), monkeypatch):
            cuts += 1
            assert first.home.state().device == "lane-1", "the pair is whole"
            assert first.index() in (old, new)
            assert Members(first.members).has("lane-1")
        assert cuts > 5
        second.install(authority.list_for_all())
        assert first.index() == second.index() == new
        assert first.home.state().members == ("lane-1", "lane-2")
        assert not (first.folder / "post-asked" / "next.key").exists()

    @staticmethod
    def _cut_after(writes: int, work, monkeypatch: pytest.MonkeyPatch) -> bool:
        """True when the power went before the work was done."""
        left = [writes]

        def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            whole_files.write_whole(path, data, mode=mode)

        with monkeypatch.context() as patched:
            patched.setattr(homes, "write_whole", write)
            patched.setattr(index_keys, "write_whole", write)
            try:
                work()
            except KeyboardInterrupt:
                return True
        return False

    def test_ok_a_new_authority_counts_from_the_beginning(self, authority, lanes, tmp_path: Path) -> None:
        """Its papers are no older than the old one's, whose numbers were higher; and the old one is over."""
        first = lanes[0]
        old = authority.list_for_all()
        new = PostAuthority.create(tmp_path / "new", post="p", hub="lane-1", now=NOW)
        first.install(answer(new, first.request()), new.letters)
        assert first.home.state().number == 2
        assert first.home.state().members == ("lane-1",)
        with pytest.raises(PostPaperError, match="another authority's"):
            first.install(old)


class TestVersions:
    def test_fail_a_paper_of_before_there_were_sealing_keys(self, authority, lanes) -> None:
        first = lanes[0]
        known = authority.list_for_all()
        paper = msgspec.json.decode(msgspec.json.decode(known)["paper"])
        old = paper | {"version": 1, "members": {"lane-1": "00" * 32}}
        del old["index"]

        signed = sign_paper(old, authority.certificate, authority._key)
        with pytest.raises(PostPaperError, match="is of version 1, and this box knows 2"):
            first.install(signed)
        with pytest.raises(PostPaperError, match="no paper"):
            first.install(sign_paper({}, authority.certificate, authority._key))

    def test_fail_a_request_and_an_authority_of_before(self, authority, lanes, tmp_path: Path) -> None:
        from appliance.post.papers import read_request

        file = tmp_path / "request"
        plain = msgspec.to_builtins(lanes[0].request()) | {"version": 1}
        del plain["sealing_key"]
        file.write_text(json.dumps(plain))
        with pytest.raises(PostPaperError, match="request is of version 1"):
            read_request(file)
        state = authority._folder / STATE_FILE
        kept = json.loads(state.read_text())
        del kept["index"]
        state.write_text(json.dumps(kept))
        with pytest.raises(PostPaperError, match="older version"):
            PostAuthority.open(authority._folder)
        state.chmod(0o644)
        with pytest.raises(PostPaperError, match="Others can read"):
            PostAuthority.open(authority._folder)
