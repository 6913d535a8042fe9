"""A board: what `boards/NAME.toml` says of one, checked before anything is built."""

import tomllib
from pathlib import Path

import msgspec

BOARDS = Path(__file__).parent / "boards"
LOCKS = Path(__file__).parent / "lock"
COMMON = "common"


class BoardError(Exception):
    """There is no such board, or its file is wrong, in one plain sentence."""


class _Common(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    packages: dict[str, str]
    left_out: "LeftOut"


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dependencies that a finished box has no use for."""

    names: tuple[str, ...]
    wheels: tuple[str, ...]


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board; sizes in MiB."""

    name: str
    architecture: str
    """Debian's word: amd64, arm64."""
    suite: str
    backports: tuple[str, ...] = ()
    """Packages that come from the suite's backports."""
    components: tuple[str, ...] = ("main",)
    python: str
    wheels: tuple[str, ...] = ()
    """What the board needs beside setup.cfg's requirements."""
    wheel_platforms: tuple[str, ...]
    """pip's words; it does not widen them by itself."""
    compatible: str
    """An update for another board is refused by this word."""
    console: str
    initrd_modules: tuple[str, ...]
    kernel_modules: tuple[str, ...] = ()
    """Folders or files below kernel/ to keep, with what they need; empty keeps all."""
    boot_mib: int
    root_mib: int
    outbox_mib: int
    uplink_mib: int
    """The post's sealed items, and an update on its way: more than a root and a boot partition."""
    tpm: bool = False
    """Whether lane may open /dev/tpmrm0 (systemd/with-tpm)."""
    firmware: str | None = None
    """raspberrypi: the boot partitions carry its first stage."""
    device_trees: tuple[str, ...] = ()
    packages: dict[str, str]
    """Debian's packages beside those of common.toml, each with its reason."""
    left_out: LeftOut = LeftOut(names=(), wheels=())

    @property
    def simulated(self) -> bool:
        """A board that is none: QEMU's, for tests."""
        return self.name.startswith("qemu-")

    @property
    def lock(self) -> Path:
        return LOCKS / f"{self.name}.lock"


def board_names() -> list[str]:
    return sorted(path.stem for path in BOARDS.glob("*.toml") if path.stem != COMMON)


def load_board(name: str) -> Board:
    """Raises:
    BoardError: there is no such board, or its file is wrong.
    """
    if name not in board_names():
        raise BoardError(f"There is no board {name!r}; there are: {', '.join(board_names())}.")
    try:
        common = msgspec.convert(tomllib.loads((BOARDS / f"{COMMON}.toml").read_text("utf-8")), _Common)
        own = msgspec.convert(tomllib.loads((BOARDS / f"{name}.toml").read_text("utf-8")), Board)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BoardError(f"boards/{name}.toml: {error}") from error
    if own.name != name:
        raise BoardError(f"boards/{name}.toml names itself {own.name!r}.")
    return msgspec.structs.replace(own, packages=common.packages | own.packages, left_out=common.left_out)
