"""The post's errands under the users, umasks and folders that the units give them: who can read what.

Needs root, to become those users; what systemd's own sandboxes take away besides is not here.
"""

import codecs
import datetime as dt
import os
import re
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from nacl.signing import SigningKey

import appliance.commands.post_box
import appliance.opening
import appliance.post.gathering
import appliance.post.joining
import appliance.services.agent.card_status
import appliance.services.agent.device_file  # noqa: F401 - imported before a user is another
from appliance import cli
from appliance.contracts.post_joining import PostReport, read_report
from appliance.key_files import write_key
from appliance.post.authority import PostAuthority
from appliance.post.papers import read_request
from appliance.records.keys import load_box_keys

UNITS = Path(__file__).parents[2] / "systemd"
IDS = {"borne-provision": 701, "borne-lane": 702, "borne-uplink": 703, "borne-agent": 704}
GROUPS = {
    "borne-provision": (),
    "borne-lane": ("borne-uplink", "borne-agent"),
    "borne-uplink": ("borne-lane",),
    "borne-agent": ("borne-lane", "borne-uplink"),
}
NOW = dt.datetime.now(dt.UTC)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-tmpfiles") is None, reason="needs root and systemd-tmpfiles"
)


class Box:
    def __init__(self, root: Path) -> None:
        self.etc, self.card, self.stick = root / "etc/borne", root / "boot", root / "stick"
        self.gathered, self.reported = root / "run/gather", root / "run/post"
        text = (UNITS / "tmpfiles.d/borne.conf").read_text("utf-8")
        for name, number in IDS.items():
            text = re.sub(rf"\b{name}\b(?=\s)", str(number), text)
        (root / "etc").mkdir()
        (root / "tmpfiles.conf").write_text(text)
        made = subprocess.run(
            ["systemd-tmpfiles", f"--root={root}", "--create", str(root / "tmpfiles.conf")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "post" not in made.stderr, made.stderr
        # as fstab and RuntimeDirectory= have them
        for folder, owner, mode in (
            (self.card, "borne-provision", 0o750), (self.stick, None, 0o755),
            (self.gathered, "borne-provision", 0o755), (self.reported, "borne-lane", 0o755),
        ):  # fmt: skip
            folder.mkdir(parents=True)
            os.chown(
                folder, IDS[owner] if owner else 0, IDS[owner] if owner and owner != "borne-provision" else 0
            )
            folder.chmod(mode)
        assert self.as_("borne-lane", lambda: int(load_box_keys(self.etc / "keys", None) is None)) == 0

    def configure(self, letters: str) -> None:
        write_key(self.etc / "central.pub", SigningKey.generate().verify_key)
        home = self.etc / "post"
        (self.etc / "borne.toml").write_text(
            f'[box]\ndevice = "lane-2"\npost = "p"\n[paths]\nkeys = "{self.etc}/keys"\n'
            f'[central]\nsealing_key = "{self.etc}/x"\nwatermark_key = "{self.etc}/central.pub"\n'
            f'[post]\nhub = "lane-1"\naddress = "10.0.0.1"\nauthority = "{letters}"\n'
            f'ca = "{home}/post-ca.pem"\n'
            f'certificate = "{home}/box.pem"\nkey = "{home}/box.pem"\nmembers = "{home}/members"\n'
        )

    def as_(self, user: str, work: Callable[[], int]) -> int:
        """In a process of that user; the exit code. What it imports is imported before: the interpreter may
        lie where root alone may look."""
        process = os.fork()
        if process == 0:
            try:
                os.setgroups([IDS[user], *(IDS[one] for one in GROUPS[user])])
                os.setgid(IDS[user])
                os.setuid(IDS[user])
                os.umask(0o077)
                os._exit(work())
            except BaseException:  # the child never goes back into the tests; its parent sees 99
                traceback.print_exc()
                os._exit(99)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    def errand(self, user: str, *words: object) -> None:
        said = ["post", *(str(word) for word in words)]
        assert self.as_(user, lambda: cli.main(said)) in (0, 1)

    def start(self) -> PostReport:
        between = ("--gathered", self.gathered, "--home", self.etc / "post", "--identity", self.etc)
        self.errand("borne-provision", "gather", *between, "--card", self.card, "--stick", self.stick)
        self.errand("borne-lane", "take", *between, "--reported", self.reported)
        self.errand("borne-provision", "tell", "--card", self.card, "--reported", self.reported)
        report = read_report(self.reported / "report.json")
        assert report is not None
        return report

    def readable(self, user: str, path: Path) -> bool:
        return self.as_(user, lambda: int(not os.access(path, os.R_OK))) == 0


@pytest.fixture
def box() -> Iterator[Box]:
    """Not below pytest's own folder, which is root's alone."""
    root = Path(tempfile.mkdtemp(prefix="borne-users-"))
    root.chmod(0o755)
    codecs.lookup("ascii")  # Python reads it from a file at its first use
    try:
        yield Box(root)
    finally:
        shutil.rmtree(root)


def test_ok_each_errand_has_the_rights_that_it_needs_and_no_service_one_more(box: Box) -> None:
    authority = PostAuthority.create(box.etc.parent / "drawer", post="North", hub="lane-1", now=NOW)
    box.configure(authority.letters)
    assert box.start().state == "asked"
    waiting = box.etc / "post-asked" / "next.key"
    who = {user: box.readable(user, waiting) for user in IDS}
    assert who == {user: user == "borne-lane" for user in IDS}, "and lane's own sandbox hides it"
    assert not box.readable("borne-provision", box.etc / "post"), "what reads a stick"
    request, csr = read_request(box.card / "lane-2.post-request.json")
    assert isinstance(csr, x509.CertificateSigningRequest)
    (box.stick / "lane-2.post.json").write_bytes(authority.enrol(request, csr, now=NOW))
    (box.stick / "members.post.json").write_bytes(authority.list_for_all())
    report = box.start()
    assert (report.state, report.event) == ("member", "taken"), report.sentence
    pair, index = box.etc / "post" / "box.pem", box.etc / "keys" / "post-index.key"
    assert {user: box.readable(user, pair) for user in IDS} == {
        "borne-provision": False, "borne-lane": True, "borne-uplink": True, "borne-agent": True,
    }  # fmt: skip
    assert {user: box.readable(user, index) for user in IDS} == {user: user == "borne-lane" for user in IDS}
    for user in ("borne-lane", "borne-uplink"):
        assert box.readable(user, box.etc / "post" / "members" / "lane-2.signing.pub"), user
        assert box.readable(user, box.etc / "post" / "post-ca.pem"), user
    assert not waiting.exists()
    assert not (box.card / "lane-2.post-request.json").exists()
    assert "post_member: " in (box.card / "status.txt").read_text()


def test_ok_by_hand_as_root_the_same_owners(box: Box) -> None:
    """`borne post` at a box that has a shell leaves files that the errands go on with."""
    authority = PostAuthority.create(box.etc.parent / "drawer", post="North", hub="lane-1", now=NOW)
    box.configure(authority.letters)
    where = ["--config", str(box.etc / "borne.toml"), "--home", str(box.etc / "post")]
    assert cli.main(["post", "request", str(box.stick), *where]) == 0
    request, csr = read_request(box.stick / "lane-2.post-request.json")
    paper = box.stick / "lane-2.post.json"
    paper.write_bytes(authority.enrol(request, csr, now=NOW))
    assert cli.main(["post", "install", str(paper), *where, "--authority", authority.letters]) == 0
    made = [file for file in (box.etc / "post").rglob("*") if file.is_file()]
    assert {(file.stat().st_uid, file.stat().st_gid) for file in made} == {(702, 703)}
    report = box.start()
    assert (report.state, report.event) == ("member", "")
