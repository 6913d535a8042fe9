#!/usr/bin/env python3
"""Writes `lock/BOARD.lock`: every Debian package and every wheel of the image, by version and SHA-256.

    .venv/bin/python image-build/lock.py BOARD

The one step that decides anything: apt solves against signed lists of the archive that this machine uses, in
a folder of its own and for the board's architecture; pip solves for the board's platform. What `build.py`
then builds is what stands here, byte for byte.
"""

import functools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from configparser import ConfigParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from board import Board, BoardError, load_board
from lockfile import Deb, Lock, LockError, Unfetchable, Wheel, write_lock

REPOSITORY = Path(__file__).resolve().parents[1]
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FROM_DEBIAN = ("pyscard",)
"""Requirements that Debian's packages answer (boards/common.toml)."""


@functools.cache
def archive_sites() -> tuple[str, str]:
    """The archive that this machine is set up with, and its security archive: where it is set up without one,
    the place beside it at which Debian's own servers have it. A lock holds what comes from there to its hash.

    Raises:
        Unfetchable: it is set up with none.
    """
    asked = ["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)", "Created-By: Packages"]
    pairs = [line.split() for line in _output(asked).splitlines()]
    found = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    main = next((site for name, site in found.items() if "-" not in name and site.endswith("/debian")), None)
    security = next((site for name, site in found.items() if name.endswith("-security")), None)
    if main is None:
        raise Unfetchable("apt on this machine knows no Debian archive.")
    return main, security or f"{main}-security"


def sources(board: Board) -> str:
    main, security = archive_sites()
    components = " ".join(board.components)
    suites = [(main, board.suite), (main, f"{board.suite}-updates"), (security, f"{board.suite}-security")]
    if board.backports:
        suites.append((main, f"{board.suite}-backports"))
    return "".join(
        f"deb [signed-by={KEYRING} arch={board.architecture}] {site} {suite} {components}\n"
        for site, suite in suites
    )


def solve_debs(board: Board) -> tuple[Deb, ...]:
    """What apt would install into nothing, from lists whose signatures it has verified."""
    with tempfile.TemporaryDirectory(prefix="borne-lock-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # apt reads as its own user
        for name in ("etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
            (root / name).mkdir(parents=True)
        (root / "etc/apt/sources.list").write_text(sources(board), "utf-8")
        (root / "status").write_text("", "utf-8")
        options = [
            *("-o", f"Dir={root}", "-o", f"Dir::State::status={root / 'status'}"),
            *(
                "-o",
                f"APT::Architecture={board.architecture}",
                "-o",
                "APT::Architectures::=" + board.architecture,
            ),
            *("-o", f"Dir::Etc::trusted={KEYRING}", "-o", "APT::Install-Recommends=false"),
            *("-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"),
        ]
        _say("asking the archive for its lists")
        _output(["apt-get", *options, "-qq", "update"])
        wanted = [
            f"{name}/{board.suite}-backports" if name in board.backports else name for name in board.packages
        ]
        _say("solving Debian's packages")
        listing = _output(["apt-get", *options, "-qq", "-y", "--print-uris", "install", *wanted])
        names = re.findall(r"^'[^']+' (\S+) \d+ ", listing, re.MULTILINE)
        pairs = [
            tuple(_unescaped(part) for part in name.removesuffix(".deb").split("_")[:2]) for name in names
        ]
        kept = [f"{name}={version}" for name, version in pairs if name not in board.left_out.names]
        return tuple(sorted(_described(options, kept)))


def _described(options: list[str], packages: list[str]) -> Iterable[Deb]:
    """Name, version, place and digest of each, from the verified lists."""
    for paragraph in _output(["apt-cache", *options, "show", *packages]).strip().split("\n\n"):
        field = dict(re.findall(r"^(\S+): (.*)$", paragraph, re.MULTILINE))
        yield Deb(
            name=field["Package"],
            version=field["Version"],
            architecture=field["Architecture"],
            sha256=field["SHA256"],
            path=field["Filename"],
        )


def _unescaped(text: str) -> str:
    return text.replace("%3a", ":")


def requirements(board: Board) -> list[str]:
    """What setup.cfg asks for, without what Debian brings and what a box has no use for."""
    parser = ConfigParser()
    parser.read(REPOSITORY / "setup.cfg", "utf-8")
    lines = parser["options"]["install_requires"].split("\n")
    apart = {*FROM_DEBIAN, *board.left_out.wheels}
    return [line for line in lines if line and re.split(r"[^\w-]", line)[0].lower() not in apart]


def solve_wheels(board: Board) -> tuple[Wheel, ...]:
    """What pip would take for the board: wheels alone."""
    with tempfile.TemporaryDirectory(prefix="borne-lock-") as folder:
        report = Path(folder) / "report.json"
        asked = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *("--only-binary", ":all:", "--target", folder, "--report", str(report)),
            *pip_platform(board),
        ]
        _say("solving the wheels")
        _output([*asked, *requirements(board), *board.wheels])
        found = json.loads(report.read_text("utf-8"))["install"]
    return tuple(
        sorted(
            Wheel(
                name=one["metadata"]["name"],
                version=one["metadata"]["version"],
                sha256=one["download_info"]["archive_info"]["hashes"]["sha256"],
                file=one["download_info"]["url"].rpartition("/")[2],
            )
            for one in found
            if one["metadata"]["name"].lower() not in board.left_out.wheels
        )
    )


def pip_platform(board: Board) -> list[str]:
    """pip's options for the board instead of this machine."""
    version = "cp" + board.python.replace(".", "")
    options = ["--python-version", board.python, "--implementation", "cp"]
    for abi in (version, "abi3", "none"):
        options += ["--abi", abi]
    for platform in board.wheel_platforms:
        options += ["--platform", platform]
    return options


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise LockError(f"{command[0]} {command[-1]}: {said[-1] if said else done.returncode}")
    return done.stdout


def _say(text: str) -> None:
    print(f"lock: {text}", file=sys.stderr, flush=True)


def main() -> int:
    if len(sys.argv) != 2:
        _say("usage: image-build/lock.py BOARD")
        return 2
    try:
        board = load_board(sys.argv[1])
        lock = Lock(board=board.name, debs=solve_debs(board), wheels=solve_wheels(board))
        write_lock(board.lock, lock)
    except (BoardError, LockError) as error:
        _say(str(error))
        return 2
    _say(f"{board.lock.name}: {len(lock.debs)} packages, {len(lock.wheels)} wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
