"""`borne post`: an authority, certificates and members, used by the real hub of a post over TLS."""

import asyncio
import datetime as dt
import json
import ssl
import stat
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey

sys.path.insert(0, str(Path(__file__).parent))

from post_lanes import NOW, Lane, Post, carried, item_of

from appliance.key_files import read_key, write_key
from appliance.post.authority import PostAuthority
from appliance.post.home import PostHome
from appliance.post.members import Members
from appliance.post.papers import (
    PostPaperError,
    Request,
    issue,
    read_paper,
    read_request,
    self_signed,
)


@pytest.fixture
def lanes(post: Post, tmp_path: Path) -> tuple[Lane, Lane, Lane]:
    """Three boxes of the post; the first is the hub."""
    made = [Lane(tmp_path, f"lane-{number}") for number in (1, 2, 3)]
    for lane in made:
        post.join(lane)
    for lane in made:
        assert post.install(lane, "members.post.json").code == 0
    return made[0], made[1], made[2]


def asked(home: Path, device: str) -> Request:
    """What a box with keys of its own asks."""
    return PostHome(home).request(device, SigningKey.generate().verify_key, PrivateKey.generate().public_key)


class TestWithTheRealHub:
    def test_ok_a_case_comes_from_box_to_hub(self, lanes) -> None:
        hub, other, _ = lanes
        assert asyncio.run(carried(hub, other, item_of(other))) == ""

    def test_fail_a_box_that_was_put_out(self, post, lanes) -> None:
        """Its certificate opens the door still; nobody behind it believes it."""
        hub, other, third = lanes
        words = ("post", "put-out", "lane-2", post.stick, "--authority-folder", post.authority)
        assert post.borne(*words).code == 0
        assert post.install(hub, "members.post.json").code == 0
        assert sorted(file.name for file in (hub.home / "members").iterdir()) == [
            "lane-1.sealing.pub",
            "lane-1.signing.pub",
            "lane-3.sealing.pub",
            "lane-3.signing.pub",
        ]
        assert asyncio.run(carried(hub, other, item_of(other))) != ""
        assert asyncio.run(carried(hub, third, item_of(third))) == ""

    def test_ok_renewed(self, post, lanes) -> None:
        hub, other, _ = lanes
        before = (other.home / "box.pem").read_bytes()
        letters = post.ask(other)
        assert (other.home / "box.pem").read_bytes() == before, "the present one goes on until the answer"
        assert post.enrol(other, letters).code == 0
        assert post.install(other).code == 0
        assert (other.home / "box.pem").read_bytes() != before
        assert asyncio.run(carried(hub, other, item_of(other))) == ""

    def test_fail_a_certificate_of_another_post(self, post, lanes, borne, tmp_path: Path) -> None:
        hub, *_ = lanes
        (tmp_path / "elsewhere").mkdir()
        elsewhere = Post(borne, tmp_path / "elsewhere")
        stranger = Lane(tmp_path / "elsewhere", "lane-2")
        elsewhere.join(stranger)
        write_key(stranger.home / "members" / "lane-1.signing.pub", hub.signing.verify_key)
        assert asyncio.run(carried(hub, stranger, item_of(stranger))) != ""


class TestPapers:
    def test_ok_what_lies_where(self, post, lanes) -> None:
        hub, other, _ = lanes
        assert stat.S_IMODE((post.authority / "post-ca.key").stat().st_mode) == 0o600
        assert stat.S_IMODE((hub.home / "box.pem").stat().st_mode) == 0o640
        assert not (hub.folder / "post-asked" / "next.key").exists()
        assert not any("PRIVATE KEY" in file.read_text() for file in post.stick.iterdir()), "no key travels"
        members = Members(other.home / "members")
        assert all(members.has(lane.device) for lane in lanes)
        assert PostHome(hub.home).state().server
        assert not PostHome(other.home).state().server
        ssl.create_default_context().load_cert_chain(hub.home / "box.pem", hub.home / "box.pem")

    def test_ok_status_says_what_ends_soon(self, post, lanes) -> None:
        hub, *_ = lanes
        told = post.borne("post", "status", "--home", hub.home, "--json")
        assert (told.code, told.json["members"], told.json["soon"]) == (0, ["lane-1", "lane-2", "lane-3"], [])
        assert told.json["letters"] == post.letters
        assert post.enrol(hub, post.ask(hub), "--days", "30").code == 0
        assert post.install(hub).code == 0
        told = post.borne("post", "status", "--home", hub.home)
        assert told.code == 1
        assert "to be renewed now" in told.out
        told = post.borne("post", "status", "--authority-folder", post.authority, "--json")
        assert (told.code, told.json["soon"]) == (1, ["lane-1"])

    def test_fail_letters_that_are_others(self, post, tmp_path: Path) -> None:
        lane = Lane(tmp_path, "lane-2")
        post.ask(lane)
        answer = post.enrol(lane, "0000 0000 0000 0000")
        assert (answer.code, "letters are others" in answer.err) == (1, True)
        assert not (post.stick / "lane-2.post.json").exists()

    def test_ok_asked_at_a_terminal(self, post, tmp_path: Path, monkeypatch) -> None:
        import io

        lane = Lane(tmp_path, "lane-2")
        letters = post.ask(lane)
        request = post.stick / "lane-2.post-request.json"
        words = ("post", "enrol", request, post.stick, "--authority-folder", post.authority)
        for said, code in (("no\n", 1), ("", 1), ("yes\n", 0)):
            monkeypatch.setattr("sys.stdin", io.StringIO(said))
            answer = post.borne(*words)
            assert answer.code == code
            assert letters in answer.err

    def test_fail_an_authority_that_nobody_compared(self, post, could_not, borne, tmp_path: Path) -> None:
        lane = Lane(tmp_path, "lane-2")
        post.enrol(lane, post.ask(lane))
        words = ("post", "install", post.stick / "lane-2.post.json", *lane.words)
        assert post.letters in could_not(*words)
        assert "is another" in could_not(*words, "--authority", "0000 0000 0000 0000")
        assert not (lane.home / "box.pem").exists()
        assert borne(*words, "--authority", post.letters.lower().replace(" ", "")).code == 0
        (tmp_path / "elsewhere").mkdir()
        elsewhere = Post(borne, tmp_path / "elsewhere")
        elsewhere.enrol(lane, elsewhere.ask(lane))
        words = ("post", "install", elsewhere.stick / "lane-2.post.json", *lane.words)
        assert "another authority's" in could_not(*words)

    def test_fail_an_older_list(self, post, lanes, could_not) -> None:
        hub, *_ = lanes
        old = (post.stick / "members.post.json").read_bytes()
        assert (
            post.borne("post", "put-out", "lane-2", post.stick, "--authority-folder", post.authority).code
            == 0
        )
        assert post.install(hub, "members.post.json").code == 0
        (post.stick / "old.post.json").write_bytes(old)
        assert "older" in could_not("post", "install", post.stick / "old.post.json", *hub.words)
        assert not Members(hub.home / "members").has("lane-2")

    def test_fail_changed_on_the_way(self, post, lanes, could_not) -> None:
        hub, *_ = lanes
        file = post.stick / "members.post.json"
        whole = json.loads(file.read_text())
        stranger = bytes(SigningKey.generate().verify_key).hex()
        ours = bytes(hub.signing.verify_key).hex()
        for change in (
            {"paper": whole["paper"].replace(ours, stranger)},
            {"signature": "30" * 70},
            {"ca": whole["ca"].replace("A", "B")},
            {"more": 1},
        ):
            file.write_text(json.dumps(whole | change))
            could_not("post", "install", file, *hub.words)
        file.write_text(json.dumps(whole))
        assert post.install(hub, "members.post.json").code == 0

    def test_fail_another_box_s_paper(self, post, lanes, could_not, tmp_path: Path) -> None:
        hub, *_ = lanes
        late = Lane(tmp_path, "lane-9")
        words = ("post", "install", post.stick / "lane-2.post.json", *late.words)
        assert "own paper comes first" in could_not(*words, "--authority", post.letters)
        assert "comes first" in could_not(
            "post", "install", post.stick / "members.post.json", *late.words, "--authority", post.letters
        )
        post.enrol(hub, post.ask(hub))
        post.ask(hub)  # and asked once more: the answer is for the key before
        assert "asked again" in could_not("post", "install", post.stick / "lane-1.post.json", *hub.words)

    def test_ok_a_changed_signing_key(self, post, lanes, could_not) -> None:
        hub, other, _ = lanes
        other.signing = SigningKey.generate()
        (other.keys / "signing.pub").unlink()
        write_key(other.keys / "signing.pub", other.signing.verify_key)
        letters = post.ask(other)
        request = post.stick / "lane-2.post-request.json"
        words = ("post", "enrol", request, post.stick, "--authority-folder", post.authority)
        assert "--changed-key" in could_not(*words, "--letters", letters)
        assert post.enrol(other, letters, "--changed-key").code == 0
        for lane, file in ((other, None), (hub, "members.post.json")):
            assert post.install(lane, file).code == 0
        assert asyncio.run(carried(hub, other, item_of(other))) == ""

    def test_fail_nothing_is_overwritten_and_names_are_names(self, post, could_not, tmp_path: Path) -> None:
        init = ("post", "init", "--authority-folder")
        assert "never overwritten" in could_not(*init, post.authority, "--post", "x", "--hub", "lane-1")
        could_not(*init, tmp_path / "a", "--post", "x" * 61, "--hub", "lane-1")
        could_not(*init, tmp_path / "b", "--post", "x", "--hub", "../lane")
        could_not("post", "status", "--home", tmp_path / "nowhere")
        could_not("post", "status", "--authority-folder", tmp_path / "nowhere")
        could_not("post", "put-out", "lane-9", post.stick, "--authority-folder", post.authority)
        (post.authority / "post-ca.key").chmod(0o644)
        assert "Others can read" in could_not("post", "status", "--authority-folder", post.authority)


def test_fail__a_box_without_keys_of_its_own(post, lanes, could_not) -> None:
    hub, *_ = lanes
    paper = post.stick / "members.post.json"
    (hub.keys / "sealing.pub").unlink()
    assert "first start" in could_not("post", "install", paper, *hub.words)
    assert "sealing.pub cannot be read" in could_not("post", "request", post.stick, *hub.words)


HOSTILE = [b"", b"{}", b"[" * 50_000, b"\xff" * 100, b"{" * 70_000, b'{"paper": 1}']


@pytest.mark.parametrize("data", HOSTILE)
def test_fail__any_bytes(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    for read in (read_request, read_paper):
        with pytest.raises(PostPaperError):
            read(file)


def test_fail__a_request_that_somebody_else_signed(tmp_path: Path) -> None:
    request, other = asked(tmp_path / "home", "lane-1"), asked(tmp_path / "other", "lane-2")
    file = tmp_path / "request"
    for change in ({"device": "lane-2"}, {"csr": other.csr}, {"signing_key": "00"}):
        plain = {name: getattr(request, name) for name in request.__struct_fields__} | change
        file.write_text(json.dumps(plain))
        with pytest.raises(PostPaperError):
            read_request(file)


def test_fail__an_authority_that_has_ended(tmp_path: Path) -> None:
    authority = PostAuthority.create(tmp_path / "a", post="p", hub="lane-1", now=NOW)
    request = asked(tmp_path / "home", "lane-2")
    csr = x509.load_pem_x509_csr(request.csr.encode())
    with pytest.raises(PostPaperError, match="come to its end"):
        authority.enrol(request, csr, now=NOW + dt.timedelta(days=3654))
    with pytest.raises(PostPaperError, match="counts for"):
        authority.enrol(request, csr, now=NOW, days=0)
    late = NOW + dt.timedelta(days=3600)
    authority.enrol(request, csr, now=late)
    assert authority.members["lane-2"] == authority.certificate.not_valid_after_utc, "no longer than itself"


def test_ok__a_certificate_vouches_for_nobody(tmp_path: Path) -> None:
    """A box's certificate signs no other, and a client's is no hub's: by its extensions (RFC 5280)."""
    key, box = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = self_signed("p", key, begin=NOW, end=NOW + dt.timedelta(days=1))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lane-2")])
    from cryptography.hazmat.primitives import hashes

    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(box, hashes.SHA256())
    end = NOW + dt.timedelta(days=9)
    one = issue(csr, "lane-2", hub=False, ca=ca, key=key, begin=NOW, end=end)
    assert not one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not one.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    (usage,) = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert usage == x509.ExtendedKeyUsageOID.CLIENT_AUTH
    assert one.not_valid_after_utc == ca.not_valid_after_utc
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_ok__the_member_is_the_box_s_signing_key(post, lanes) -> None:
    hub, other, _ = lanes
    kept = read_key(hub.home / "members" / "lane-2.signing.pub", VerifyKey)
    assert kept == other.signing.verify_key
