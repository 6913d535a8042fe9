"""The box's configuration: one TOML file, every key typed, every mistake named with its line."""

import difflib
import enum
import re
import tomllib
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

from appliance.contracts.checks import Direction
from appliance.face_settings import FaceSettings
from appliance.finger_settings import FingerSettings

MAX_FILE_BYTES = 256 * 1024
"""A configuration is a page of text; anything larger is a mistake."""

Settings = TypeVar("Settings", bound=msgspec.Struct)

NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\\Z"
"""A box's name is a level of its topics at the broker, so it must not reach beyond its own."""
LETTERS_PATTERN: Final = "^[0-9A-Fa-f]{4}( ?[0-9A-Fa-f]{4}){3}\\Z"
TCTI_PATTERN: Final = r"device:/dev/tpm(rm)?[0-9]|tabrmd:|swtpm:host=127\.0\.0\.1,port=[0-9]{1,5}"
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
Letters = Annotated[str, msgspec.Meta(pattern=LETTERS_PATTERN)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
AnyPort = Annotated[int, msgspec.Meta(ge=0, le=65535)]
"""0 takes a free one."""


class ConfigError(Exception):
    """A configuration that cannot be used: which file, which line, which key, and what would do."""


class Profile(enum.StrEnum):
    """What the box is for; production refuses simulated devices (promise 7)."""

    PRODUCTION = "production"
    DEMO = "demo"
    TRAINING = "training"


class ClockSource(enum.StrEnum):
    """auto: ask the kernel how sure the time is; host: somebody vouches for the host's clock."""

    AUTO = "auto"
    HOST = "host"


class ClockFollows(enum.StrEnum):
    """What the time daemon follows: the kernel knows only that something disciplines its clock."""

    RTC = "rtc"
    NTS = "nts"
    GNSS = "gnss"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Box(_Section, frozen=True, kw_only=True):
    """Who and where this box is."""

    device: Name
    post: str
    lane: str = "1"
    direction: Direction = Direction.ENTRY
    profile: Profile = Profile.PRODUCTION
    clock: ClockSource = ClockSource.AUTO
    clock_follows: ClockFollows = ClockFollows.RTC
    """With `clock` auto: nts or gnss, where the time daemon is set up so; rtc promises nothing."""


class Paths(_Section, frozen=True, kw_only=True):
    """Where things lie."""

    data: Path = Path("/var/lib/borne")
    outbox: Path | None = None
    """Where the sealed records lie, on a disk that opens without the board's key; None: in `data`."""
    keys: Path = Path("/etc/borne/keys")
    run: Path = Path("/run/borne")
    policy: Path | None = None
    """None: the policy that ships with Borne."""


class Use(enum.StrEnum):
    """What a camera looks at, or what a reader of chips is for."""

    PORTRAIT = "portrait"
    DOCUMENT = "document"
    CARDS = "cards"
    """Officers' cards alone."""


class DeviceEntry(_Section, frozen=True, kw_only=True):
    """One device: the driver is a file's name in `hal/<kind>/`, the options are the driver's own."""

    kind: str
    driver: str
    options: dict[str, Any] = {}
    use: Use = Use.PORTRAIT
    """Of a camera: portrait or document. Of a document reader: cards, where it is for officers' alone."""


class KeyTier(enum.StrEnum):
    """What protects the box's secret keys: see records/vault.py."""

    TPM = "tpm"
    BOARD = "board"
    SOFTWARE = "software"


class Protection(_Section, frozen=True, kw_only=True):
    """How this board protects keys and records."""

    keys: KeyTier = KeyTier.SOFTWARE
    board_key: Path | None = None
    """With keys = "board": where the board's own key is read."""
    tpm: str = "device:/dev/tpmrm0"
    """How tpm2-tools reach the TPM (their TCTI)."""
    counter: bool = False
    """Count records in the TPM too, so that a journal that was cut or copied is found out at the start."""

    def __post_init__(self) -> None:
        # tpm2-tools load a library, or run a program, by this word; a card must not choose which.
        if re.fullmatch(TCTI_PATTERN, self.tpm) is None:
            raise ValueError("protection.tpm is device:/dev/tpmrm0, tabrmd: or swtpm:host=127.0.0.1,port=N")
        if (self.keys is KeyTier.BOARD) != (self.board_key is not None):
            raise ValueError("protection.board_key goes with keys = board, and with nothing else")


class Retention(_Section, frozen=True, kw_only=True):
    """How many days sealed records stay on the box once central has acknowledged them, by class."""

    facts_days: Annotated[float, msgspec.Meta(ge=1, le=365)] = 14.0
    """Two weeks: central may have to be put back from a copy, and asks for them again."""
    media_days: Annotated[float, msgspec.Meta(ge=1, le=365)] = 14.0
    """Pictures may go earlier; what is signed of them stays as long as the facts."""


HostName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}\Z")]
"""Or an address; nothing that could begin a line or an option of somebody's configuration."""


class GnssReceiver(_Section, frozen=True, kw_only=True):
    """A satellite receiver on a serial line, which says the time as NMEA sentences."""

    port: Annotated[str, msgspec.Meta(pattern=r"^/dev/[A-Za-z0-9_./:-]{1,200}\Z")]
    baud: Annotated[int, msgspec.Meta(ge=1200, le=921600)] = 9600
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=900)] = 200
    """From the moment that a sentence names to its first byte on the line: the data sheet says it."""


class TimeSources(_Section, frozen=True, kw_only=True):
    """Whom the box's time daemon asks; without a line the board's own clock goes on."""

    nts: Annotated[tuple[HostName, ...], msgspec.Meta(max_length=8)] = ()
    """Servers that prove who they are (RFC 8915); set box.clock_follows to nts with them."""
    ntp: Annotated[tuple[HostName, ...], msgspec.Meta(max_length=8)] = ()
    """Servers that anybody on the way can pretend to be: only where there is no nts."""
    gnss: GnssReceiver | None = None
    """Satellites, whose signals are not signed: nts goes before it where both answer."""

    def __post_init__(self) -> None:
        if self.nts and self.ntp:
            raise ValueError("time is asked of nts servers or of ntp servers, not of both")


class Power(_Section, frozen=True, kw_only=True):
    """When a box on a battery switches itself off; without a device of the kind `power` it never does."""

    battery_percent: Annotated[int, msgspec.Meta(ge=0, le=95)] = 10
    """At this charge or below, the mains away."""
    hold_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 15.0
    """Of a supply that does not say its charge: so long after the mains have gone."""


class Broker(_Section, frozen=True, kw_only=True):
    """The MQTT broker and this box's certificate for it."""

    host: str
    port: Port = 8883
    ca: Path
    certificate: Path
    key: Path


class PostNetwork(_Section, frozen=True, kw_only=True):
    """The post's own network: which box is its hub, and this box's certificate from the post's authority."""

    hub: Name
    """The device that listens; all the others call it."""
    address: str
    """The hub's address on the post's network: the only one that anything here ever listens on."""
    port: Port = 8884
    authority: Letters | None = None
    """The letters of the post's authority, as `borne post init` shows them: the box takes that one's papers
    by itself, and no one else's. None: it takes none by itself."""
    ca: Path = Path("/etc/borne/post/post-ca.pem")
    certificate: Path = Path("/etc/borne/post/box.pem")
    key: Path = Path("/etc/borne/post/box.pem")
    members: Path = Path("/etc/borne/post/members")
    """A folder with DEVICE.signing.pub and DEVICE.sealing.pub of every box of the post."""
    data: Path = Path("/var/lib/borne-uplink")


class Central(_Section, frozen=True, kw_only=True):
    """Central's public keys, and who may sign reference data."""

    sealing_key: Path
    watermark_key: Path
    operator_key: Path | None = None
    """Who may order this box to send again, how fast, and to carry out persons' requests; None: nobody."""
    authority_key: Path | None = None
    """Who signs lists of central's keys that replace these; None: these stay."""
    support_key: Path | None = None
    """Whose grant support access needs, beside the operator's order; None: nobody has it."""
    reference_root: Path | None = None
    """The root of trust for lists, trust anchors and policies; None: reference-root.json beside the keys."""
    gateway_sealing_key: Path | None = None
    gateway_signing_key: Path | None = None
    """Of the gateway that answers live queries; None: nobody is asked."""


class Kiosk(_Section, frozen=True, kw_only=True):
    """The officer's page, on loopback only."""

    port: AnyPort = 8080
    languages: tuple[str, ...] = ("en", "fr", "ru", "ky", "prs", "ps", "ar", "es", "pt")
    language: str = "en"


class Config(_Section, frozen=True, kw_only=True):
    """The whole file."""

    box: Box
    paths: Paths = Paths()
    central: Central
    broker: Broker | None = None
    post: PostNetwork | None = None
    """None: this box stands alone."""
    kiosk: Kiosk = Kiosk()
    face: FaceSettings = FaceSettings()
    finger: FingerSettings = FingerSettings()
    retention: Retention = Retention()
    protection: Protection = Protection()
    time: TimeSources = TimeSources()
    power: Power = Power()
    device: tuple[DeviceEntry, ...] = ()


def load_config(path: Path) -> Config:
    """Read and check the configuration.

    Raises:
        ConfigError: it cannot be read, is not TOML, or has a wrong key or value.
    """
    return load_toml(path, Config)


def load_toml(path: Path, settings: type[Settings]) -> Settings:
    """Read a TOML file into a settings struct; wrong keys are named with their line.

    Raises:
        ConfigError: it cannot be read, is not TOML, or has a wrong key or value.
    """
    return parse_toml(read_toml(path), settings, name=str(path))


def parse_toml(text: str, settings: type[Settings], *, name: str) -> Settings:
    """The same for a text that came otherwise; `name` is what complaints call it.

    Raises:
        ConfigError: it is not TOML, or has a wrong key or value.
    """
    try:
        plain = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{name}: {error}") from error
    try:
        return msgspec.convert(plain, settings, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_explain(str(error), text, settings)}") from error


def line_of(path: Path, *steps: str | int) -> int:
    """Where a key stands that was found wrong only when it was used: `line_of(path, "device", 2, "driver")`.

    Raises:
        ConfigError: the file cannot be read any more.
    """
    return line_in(read_toml(path), *steps)


def line_in(text: str, *steps: str | int) -> int:
    """`line_of` in a text."""
    return _line_of(text, [str(step) for step in steps])


def read_toml(path: Path) -> str:
    """The text of a settings file.

    Raises:
        ConfigError: it cannot be read, is too large, or is no text.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES} bytes; this is not a configuration.")
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text.") from error


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """What was probably meant, as a sentence to append; nothing when no word is near enough."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.5)
    return f" Did you mean `{close[0]}`?" if close else ""


def _from_text(wanted: type, value: object) -> object:
    if wanted is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")  # msgspec adds where


def _explain(complaint: str, text: str, settings: type[msgspec.Struct]) -> str:
    """msgspec's complaint with the line in the file, the allowed values, and a guess at what was meant."""
    what, _, where = complaint.partition(" - at `$")
    steps = [step for step in re.split(r"[.\[\]`]+", where) if step]
    quoted = re.search(r"`(\w+)`|'([^']*)'", what)
    word = (quoted.group(1) or quoted.group(2)) if quoted else None
    if "unknown field" in what and word:
        names = [step for step in steps if step not in {"...", ""} and not step.isdigit()]
        allowed = list(_fields_at(settings, names))
        line = _line_of(text, [*names, word])
        return (
            f"line {line}: unknown key `{word}`; allowed: {', '.join(allowed)}.{did_you_mean(word, allowed)}"
        )
    if "missing required field" in what:
        section = ".".join(steps) or "the file"
        return f"line {_line_of(text, steps)}: `{word}` is missing in {section}."
    line = _line_of(text, steps)
    choices = _choices_at(settings, steps)
    if choices:
        wrong = word or ""
        guess = did_you_mean(wrong, choices)
        return f"line {line}: `{'.'.join(steps)}` must be one of {', '.join(choices)}.{guess}"
    if "matching regex" in what:
        what = "1 to 64 letters, digits, - and _, a letter or digit first"
        if steps[-1:] == ["authority"]:
            what = "16 letters as `borne post init` shows them, like 1A2B 3C4D 5E6F 7A8B"
    return f"line {line}: `{'.'.join(steps)}`: {what}."


def _type_at(settings: type, steps: list[str]) -> object:
    found: object = settings
    for step in steps:
        found = _bare(found)
        if not (isinstance(found, type) and issubclass(found, msgspec.Struct)):
            return found
        hints = typing.get_type_hints(found)
        if step in hints:
            found = hints[step]
    return _bare(found)


def _bare(annotation: object) -> object:
    """The type inside Optional and tuple[X, ...]."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return _bare(inner[0])
    if origin is tuple:
        return _bare(typing.get_args(annotation)[0])
    if origin is dict:
        return _bare(typing.get_args(annotation)[1])
    return annotation


def _fields_at(settings: type, steps: list[str]) -> tuple[str, ...]:
    found = _type_at(settings, steps)
    return found.__struct_fields__ if isinstance(found, type) and issubclass(found, msgspec.Struct) else ()


def _choices_at(settings: type, steps: list[str]) -> list[str]:
    found = _type_at(settings, steps)
    return (
        [str(item.value) for item in found]
        if isinstance(found, type) and issubclass(found, enum.Enum)
        else []
    )


def _line_of(text: str, steps: list[str]) -> int:
    """The line where a key stands, by its last name within its table, counting array tables; 1 if unknown."""
    key = next((step for step in reversed(steps) if not step.isdigit() and step != "..."), "")
    tables = [step for step in steps if not step.isdigit() and step not in (key, "...")]
    wanted = next((int(step) for step in steps if step.isdigit()), None)
    seen = -1
    inside = not tables
    header_line = 1
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        header = re.match(r"\[+\s*([\w.\-\"]+)\s*\]+", bare)
        if header:
            name = header.group(1).split(".")[0].strip('"')
            if bare.startswith("[[") and "." not in header.group(1):
                seen += name in (tables or [key])
                inside = name in tables and wanted in (None, seen)
                if inside and wanted is not None:
                    header_line = number
            else:
                inside = not tables or (name in tables and (seen < 0 or wanted in (None, seen)))
            if name in (key, *tables) and header_line == 1:
                header_line = number
        if inside and re.match(rf"[\"']?{re.escape(key)}[\"']?\s*[=.]", bare):
            return number
        if inside and re.search(rf"[{{,]\s*{re.escape(key)}\s*=", bare):
            return number
    return header_line
