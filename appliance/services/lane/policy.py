"""The policy: which checks lead to GREEN, AMBER or RED, what is asked for, what the button does.

A policy is data (TOML). Rules are tried in order, the first that fits a check gives its colour; the
gravest colour of all checks is the recommendation. What no rule names falls to the defaults.
"""

import enum
import fnmatch
import hashlib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec

from appliance.config import (
    MAX_FILE_BYTES,
    ConfigError,
    did_you_mean,
    line_in,
    parse_toml,
    read_toml,
)
from appliance.contracts.checks import CHECKS, Check, Direction, Outcome, Recommendation, Verdict
from appliance.contracts.finger import POSITIONS

DEFAULT = {
    Verdict.PASS: Recommendation.GREEN,
    Verdict.NOT_DONE: Recommendation.GREEN,
    Verdict.CANNOT: Recommendation.AMBER,
    Verdict.FAIL: Recommendation.AMBER,
}
"""For what no rule names: a failure or a vain attempt asks for the officer's eyes; what this box
does not do is written on the screen and holds nobody up."""


RISK = "risk.rule"
"""What a rule of countable facts leads to is a second look, whatever a policy says."""


class Action(enum.StrEnum):
    """What the button does under a recommendation."""

    ADMIT = "admit"
    REFER = "refer"

    @property
    def outcome(self) -> Outcome:
        return Outcome.ADMITTED if self is Action.ADMIT else Outcome.REFERRED


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
Times = Annotated[int, msgspec.Meta(ge=1, le=10)]


class Rule(_Section, frozen=True, kw_only=True):
    """`check` may hold `*`; a verdict, reason or direction left out fits every one."""

    check: str
    gives: Recommendation
    verdict: Verdict | None = None
    reason: str | None = None
    direction: Direction | None = None
    list: str | None = None
    """Of a watchlist's check: the list that was hit; may hold `*` too."""

    def fits(self, check: Check, direction: Direction | None) -> bool:
        return (
            fnmatch.fnmatchcase(check.id, self.check)
            and self.verdict in (None, check.verdict)
            and self.reason in (None, check.reason)
            and self.direction in (None, direction)
            and (self.list is None or fnmatch.fnmatchcase(str(check.evidence.get("list", "")), self.list))
        )


class AskOtherwise(_Section, frozen=True, kw_only=True):
    """What is asked otherwise in one direction; what is left out is asked as in both."""

    chip: bool | None = None
    portrait: bool | None = None
    fingers: bool | None = None
    stated: bool | None = None


class Ask(_Section, frozen=True, kw_only=True):
    """What is asked of every traveller besides the document."""

    chip: bool = True
    portrait: bool = True
    fingers: bool = False
    stated: bool = True
    """Where no signed rule says otherwise: everybody may be asked for purpose, residence and stay."""
    entry: AskOtherwise = AskOtherwise()
    exit: AskOtherwise = AskOtherwise()

    def going(self, direction: Direction) -> "Ask":
        """What is asked of those who go this way."""
        otherwise = self.entry if direction is Direction.ENTRY else self.exit
        changed = {
            name: value for name, value in msgspec.structs.asdict(otherwise).items() if value is not None
        }
        return msgspec.structs.replace(self, **changed)

    live: bool = True
    """Central's gateway, where one is configured and the line is up."""


class Memory(_Section, frozen=True, kw_only=True):
    """How long the box remembers, in days."""

    recent_days: float = 14.0
    """Crossings, to screen them again when a new list comes."""
    not_same_days: float = 180.0
    """Pairs of a traveller and an entry that an officer found to be two persons."""
    history_days: Annotated[float, msgspec.Meta(ge=0, le=400)] = 180.0
    """Which document crossed when, for duplicates and overstays; 0: nothing is kept."""
    advance_hours: Annotated[float, msgspec.Meta(ge=1, le=168)] = 24.0
    """Hours after a coach's time for which the people of its advance list are kept."""
    stay_days: Annotated[float, msgspec.Meta(ge=0, le=400)] = 0.0
    """Who leaves after a longer stay is said; 0: nobody is."""


class Children(_Section, frozen=True, kw_only=True):
    """Who is taken for a child that somebody should be with."""

    guardian_under: Annotated[int, msgspec.Meta(ge=0, le=25)] = 18
    """Years; 0: nobody is asked after."""


class CardAsked(enum.StrEnum):
    """What an officer's card is worth at a login; a release and a decision always want the PIN with it."""

    WITH_PIN = "with_pin"
    ALONE = "alone"


class CardRemoved(enum.StrEnum):
    """What becomes of the shift when the card is taken from a reader that is for cards alone."""

    STAY = "stay"
    LOGOUT = "logout"


class OfficersAsked(_Section, frozen=True, kw_only=True):
    """Whether somebody must have logged in before travellers are served, and how cards count."""

    login: bool = False
    card: CardAsked = CardAsked.WITH_PIN
    card_removed: CardRemoved = CardRemoved.STAY


class Fingers(_Section, frozen=True, kw_only=True):
    """Whose fingers are taken, which, and what they are compared with."""

    which: tuple[str, ...] = ("right_index", "left_index")
    """Names of `appliance.contracts.finger.POSITIONS`, in the order of asking."""
    minimum_age: Annotated[int, msgspec.Meta(ge=0, le=120)] = 12
    """Years; younger children are not asked, nor is anybody whose year of birth is unknown."""
    keep_days: Annotated[float, msgspec.Meta(ge=0, le=400)] = 14.0
    """How long templates are kept on the box to be compared when somebody comes back; 0: not at all."""
    search: bool = False
    """Whether everybody's fingers of late are searched, one to many."""
    search_purpose: str = ""
    """Why: a search without a stated purpose is refused. It goes into the journal and the record."""

    def __post_init__(self) -> None:
        for name in self.which:
            if name not in POSITIONS:
                raise ValueError(f"there is no finger {name}")
        if len(set(self.which)) != len(self.which):
            raise ValueError("a finger is named twice")
        if self.search and not self.search_purpose.strip():
            raise ValueError("a search of everybody's fingers needs a search_purpose")


class ReceiptSays(_Section, frozen=True, kw_only=True):
    """What stands on every traveller's receipt besides the crossing."""

    appeal: dict[str, Annotated[str, msgspec.Meta(max_length=300)]] = {}
    """Who answers for the records, and where to appeal, by language: { en = "...", fr = "..." }."""


class Start(enum.StrEnum):
    """What begins a crossing: the button, or a document on the reader."""

    PRESS = "press"
    DOCUMENT = "document"


class Pace(_Section, frozen=True, kw_only=True):
    """How long each step may take (seconds), and how often the chip is tried."""

    start: Start = Start.PRESS
    document_seconds: Seconds = 60.0
    chip_seconds: Seconds = 20.0
    chip_absent_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 3.0
    """After these without a chip in the field the officer may go on; where the document lies on the chip's
    reader already, and no rule says that it has a chip, the box goes on by itself."""
    chip_attempts: Times = 2
    portrait_seconds: Seconds = 10.0
    notice_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0
    """How long the traveller has been told what is taken and why, before the camera is asked."""
    live_seconds: Seconds = 5.0
    """From the question; what comes later is chased."""
    look_first_seconds: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.7
    """The panel's button decides nothing before the recommendation has stood so long."""


class Button(_Section, frozen=True, kw_only=True):
    """What a press and a hold do under one recommendation."""

    press: Action
    hold: Action = Action.REFER


class Policy(_Section, frozen=True, kw_only=True):
    """The whole file."""

    name: str
    version: int
    button: dict[Recommendation, Button]
    ask: Ask = Ask()
    pace: Pace = Pace()
    memory: Memory = Memory()
    officers: OfficersAsked = OfficersAsked()
    fingers: Fingers = Fingers()
    children: Children = Children()
    receipt: ReceiptSays = ReceiptSays()
    rule: tuple[Rule, ...] = ()

    @property
    def label(self) -> str:
        """Name, version and digest: what a record says of the policy that it was made under."""
        digest = hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()
        return f"{self.name}/{self.version}/{digest[:16]}"

    def colour(self, check: Check, direction: Direction | None = None) -> Recommendation:
        """What this one check leads to; rules for one direction fit only who goes that way."""
        fitting = (rule.gives for rule in self.rule if rule.fits(check, direction))
        gives = next(fitting, DEFAULT[check.verdict])
        return min(gives, Recommendation.AMBER, key=_severity) if check.id == RISK else gives

    def recommend(
        self, checks: Iterable[Check], direction: Direction | None = None
    ) -> tuple[Recommendation, tuple[str, ...]]:
        """The recommendation, and the ids of the checks that stand against GREEN, the gravest first."""
        colours = [(self.colour(check, direction), check.id) for check in checks]
        against = [(colour, id_) for colour, id_ in colours if colour is not Recommendation.GREEN]
        against.sort(key=lambda pair: -pair[0].severity)
        worst = against[0][0] if against else Recommendation.GREEN
        return worst, tuple(id_ for _colour, id_ in against)


def _severity(colour: Recommendation) -> int:
    return colour.severity


def load_policy(path: Path | None) -> Policy:
    """The policy at `path`, or the one that ships with Borne.

    Raises:
        ConfigError: it cannot be used, or it would let a press admit under RED.
    """
    if path is None:
        with resources.as_file(resources.files(__package__) / "policy.toml") as shipped:
            return load_policy(shipped)
    return parse_policy(read_toml(path), name=str(path))


def read_policy(data: bytes) -> Policy:
    """The policy that came signed through the gate.

    Raises:
        ConfigError: as for `load_policy`.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"the policy: larger than {MAX_FILE_BYTES} bytes; this is none.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("the policy: is not UTF-8 text.") from error
    return parse_policy(text, name="the policy")


def parse_policy(text: str, *, name: str) -> Policy:
    """A policy from its text; `name` is what complaints call it.

    Raises:
        ConfigError: as for `load_policy`.
    """
    policy = parse_toml(text, Policy, name=name)
    for number, rule in enumerate(policy.rule):
        _check_rule(text, name, number, rule)
    missing = [colour.value for colour in Recommendation if colour not in policy.button]
    if missing:
        raise ConfigError(f"{name}: [button.{missing[0]}] is missing: say what a press does under it.")
    if Action.ADMIT in (policy.button[Recommendation.RED].press, policy.button[Recommendation.RED].hold):
        raise ConfigError(f"{name}: [button.RED]: the button alone may not admit under RED.")
    return policy


def _check_rule(text: str, name: str, number: int, rule: Rule) -> None:
    """A rule for a check or a reason that this house does not have would never fit, and nobody would know."""
    reasons = [reasons for id_, reasons in CHECKS.items() if fnmatch.fnmatchcase(id_, rule.check)]
    known = dict.fromkeys(reason for some in reasons for reason in some)
    if not reasons:
        key, word, allowed = "check", rule.check, list(CHECKS)
    elif rule.reason is not None and rule.reason not in known:
        key, word, allowed = "reason", rule.reason, list(known)
    else:
        return
    raise ConfigError(
        f"{name}: line {line_in(text, 'rule', number, key)}: there is no {key} `{word}` here; "
        f"allowed: {', '.join(allowed)}.{did_you_mean(word, allowed)}"
    )
