"""A box of a post that has no shell: its errands, its card, the stick's slot; what the tests share."""

import shutil
import sys
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))

from post_lanes import Lane, Post

from appliance.contracts.post_joining import PostReport
from appliance.key_files import HashingKey, read_keys
from appliance.post.index_keys import FILE


class Box(Lane):
    """One without a shell: its errands run at its start, and when a stick comes."""

    def __init__(self, borne, folder: Path, device: str, *, authority: str | None) -> None:
        super().__init__(folder, device)
        self.borne = borne
        self.card, self.slot = self.folder / "card", self.folder / "stick"
        self.gathered, self.reported = self.folder / "gathered", self.folder / "reported"
        for one in (self.card, self.gathered, self.reported):
            one.mkdir()
        self.plain = self.config.read_text()
        self.configure(authority)

    def configure(self, authority: str | None, *, more: str = "") -> None:
        line = "" if authority is None else f'authority = "{authority}"\n'
        files = {"ca": "post-ca.pem", "certificate": "box.pem", "key": "box.pem", "members": "members"}
        paths = "".join(f'{name} = "{self.home}/{file}"\n' for name, file in files.items())
        self.config.write_text(
            f'{self.plain}[post]\nhub = "lane-1"\naddress = "127.0.0.1"\n{line}{more or paths}'
        )

    def errand(self, name: str, *more: object) -> int:
        places = {
            "gather": ("--card", self.card, "--stick", self.slot, "--identity", self.folder),
            "take": ("--identity", self.folder, "--reported", self.reported),
            "tell": ("--card", self.card, "--reported", self.reported),
        }[name]
        between = ("--gathered", self.gathered, "--home", self.home) if name != "tell" else ()
        return int(self.borne("post", name, *places, *between, *more).code)

    def start(self) -> PostReport:
        """As systemd runs them, one behind the other, whatever each says of a paper."""
        for name in ("gather", "take", "tell"):
            assert self.errand(name) in (0, 1)
        return self.report

    def plug_in(self, stick: Path) -> PostReport:
        shutil.rmtree(self.slot, ignore_errors=True)
        shutil.copytree(stick, self.slot, symlinks=True)
        return self.start()

    @property
    def report(self) -> PostReport:
        return msgspec.json.decode((self.reported / "report.json").read_bytes(), type=PostReport)

    @property
    def request_file(self) -> Path:
        return self.card / f"{self.device}.post-request.json"

    @property
    def status(self) -> str:
        return (self.card / "status.txt").read_text()

    def kept(self) -> dict[str, bytes]:
        """All that the box has of its post, but for what it asks."""
        files = [file for part in (self.home, self.keys) for file in part.rglob("*") if file.is_file()]
        return {str(file): file.read_bytes() for file in files}

    def index(self) -> tuple[HashingKey, ...]:
        return read_keys(self.keys / FILE, HashingKey)


def answer(post: Post, box: Box, *more: object) -> None:
    """The technician carries the card's request to the authority, reads its letters from the box's screen,
    and has the answer on the stick."""
    shutil.copy(box.request_file, post.stick)
    assert post.enrol(box, box.report.letters, *more).code == 0
    (post.stick / box.request_file.name).unlink()


def join(post: Post, box: Box) -> None:
    box.start()
    answer(post, box)
    assert box.plug_in(post.stick).state == "member"
