"""The table of rules: signed, dated data in TOML, so that a rule that changes tonight is one update.

name = "post rules"
version = 3

[[document]]                    # tried from the top; the first that fits speaks
codes = ["P"]                   # document codes that begin so; "*" for any
issuers = ["KGZ", "UZB"]        # codes of Doc 9303-3; "*" for any
nationalities = ["*"]
directions = ["entry"]          # left out: both
posts = ["North *"]             # left out: all
from = 2026-12-01               # left out: always
until = 2027-06-30
accepted = true
chip_if_expires_after = 2031-05-01
says = { en = "Passports of these states serve.", fr = "Ces passeports sont admis." }

[[stay]]
nationalities = ["KGZ"]
days = 90
window_days = 180               # left out: the days count anew with each entry
says = { en = "90 days in any 180." }

[[visa]]                        # who needs one; who fits no rule needs none
nationalities = ["UTO"]
directions = ["entry"]          # left out: entry
issuers = ["KGZ"]               # whose visas serve; left out: any
needed = true
says = { en = "Visas of Kyrgyzstan only." }

[[visa_on_arrival]]             # who needs a visa and has none may apply for one here
nationalities = ["UTO"]
issuing_state = "KGZ"           # whose visa it is
type = "TOURIST"                # as it stands on the label
label = "MRV-A"                 # left out: MRV-B
purposes = ["visit", "holiday"] # left out: any
days = 30                       # the longest stay
validity_days = 60              # from the day it is granted
entries = 1                     # the most; 0: any number
fee = { amount = "60.00", currency = "USD" }    # left out: none
says = { en = "Tourists, for 30 days." }

[[ask]]                         # the first that fits; without one, the policy's own
nationalities = ["KGZ"]
directions = ["entry"]          # left out: both
ask = []                        # nationals are asked nothing
must = []                       # of what is asked: what must be
countries = ["KGZ", "UZB"]      # the likeliest residences

[[risk]]                        # a second look, AMBER at most; all that it asks must be so
name = "often at night"
owner = "Border Service, risk analysis"
legal_basis = "Border Act, art. 12"
review = 2027-01-31             # after this day it is not used, and that is said
hours = [22:00:00, 05:00:00]
crossings_at_least = 6          # of this document here, within_days
within_days = 7
says = { en = "Six crossings in a week, at night: ask what for." }
"""

import fnmatch
from datetime import date
from typing import Annotated, Literal

import msgspec

from appliance.config import ConfigError, did_you_mean, line_in, parse_toml
from appliance.contracts.asked import MAX_ENTRIES, PURPOSES, QUESTIONS
from appliance.contracts.checks import Direction
from appliance.rules.risk import RiskRule, problem_of
from appliance.rules.section import Section, Words
from appliance.travel_document import is_known_code
from appliance.travel_document.codes import can_issue

ANY = "*"
MAX_TABLE_BYTES = 1024 * 1024
"""Some thousand rules."""


class _Dated(Section, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Whom and when a rule is for."""

    nationalities: tuple[str, ...] = (ANY,)
    codes: tuple[str, ...] = (ANY,)
    posts: tuple[str, ...] = (ANY,)
    from_: date | None = None
    until: date | None = None
    says: Words = {}

    def stands(self, today: date) -> bool:
        return (self.from_ is None or self.from_ <= today) and (self.until is None or today <= self.until)

    def is_for(self, *, nationality: str, document_code: str, post: str) -> bool:
        return (
            _among(nationality, self.nationalities)
            and any(code == ANY or document_code.startswith(code) for code in self.codes)
            and any(fnmatch.fnmatchcase(post, pattern) for pattern in self.posts)
        )


class DocumentRule(_Dated, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Whether a document serves, and whether it must have a chip."""

    issuers: tuple[str, ...] = (ANY,)
    directions: tuple[Direction, ...] = (Direction.ENTRY, Direction.EXIT)
    accepted: bool = True
    chip: bool = False
    """Each of these documents has one."""
    chip_if_expires_after: date | None = None
    """Its state has issued them with a chip since then, less how long they are valid."""


class StayRule(_Dated, frozen=True, kw_only=True, rename={"from_": "from"}):
    """How many days somebody may stay; the day of entry and the day of exit both count."""

    days: Annotated[int, msgspec.Meta(ge=1, le=3660)]
    window_days: Annotated[int, msgspec.Meta(ge=1, le=3660)] | None = None
    """The days count within any so many days; None: anew with each entry."""


class VisaRule(_Dated, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Whether a visa is needed, and whose serve."""

    directions: tuple[Direction, ...] = (Direction.ENTRY,)
    issuers: tuple[str, ...] = (ANY,)
    needed: bool = True


class FeeRule(Section, frozen=True, kw_only=True):
    """What a visa costs."""

    amount: Annotated[str, msgspec.Meta(pattern=r"^\d{1,7}(\.\d{1,3})?\Z")]
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]
    """ISO 4217."""


class OnArrivalRule(_Dated, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Who may apply at the post for a visa that they need and have not, and what may be granted."""

    directions: tuple[Direction, ...] = (Direction.ENTRY,)
    issuing_state: str
    """Whose visa it is."""
    type: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9][A-Z0-9 /-]{0,15}\Z")]
    """Type, class or category, as it stands on the label."""
    document_code: Annotated[str, msgspec.Meta(pattern=r"^V[A-Z]?\Z")] = "V"
    """Of the label's MRZ: the second letter is the issuer's."""
    label: Literal["MRV-A", "MRV-B"] = "MRV-B"
    purposes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = PURPOSES
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)]
    """The longest stay."""
    validity_days: Annotated[int, msgspec.Meta(ge=1, le=3660)]
    """The longest validity, the day on which it is granted counted."""
    entries: Annotated[int, msgspec.Meta(ge=0, le=MAX_ENTRIES)] = 1
    """The most; `MULTIPLE_ENTRIES`: any number."""
    fee: FeeRule | None = None


class AskRule(_Dated, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What travellers are asked: names of `appliance.contracts.asked.QUESTIONS`."""

    directions: tuple[Direction, ...] = (Direction.ENTRY, Direction.EXIT)
    ask: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    countries: Annotated[tuple[str, ...], msgspec.Meta(max_length=9)] = ()
    """The likeliest residences, each with a key of its own."""


class RuleTable(Section, frozen=True, kw_only=True):
    """The whole file."""

    name: str
    version: int
    document: tuple[DocumentRule, ...] = ()
    stay: tuple[StayRule, ...] = ()
    visa: tuple[VisaRule, ...] = ()
    visa_on_arrival: tuple[OnArrivalRule, ...] = ()
    ask: tuple[AskRule, ...] = ()
    risk: tuple[RiskRule, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name}/{self.version}"


def read_table(data: bytes) -> RuleTable:
    """The table that came signed through the gate.

    Raises:
        ConfigError: it cannot be used; the line and what is allowed.
    """
    if len(data) > MAX_TABLE_BYTES:
        raise ConfigError(f"the rules: larger than {MAX_TABLE_BYTES} bytes; this is no table of rules.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("the rules: is not UTF-8 text.") from error
    table = parse_toml(text, RuleTable, name="the rules")
    for number, document in enumerate(table.document):
        _check_codes(text, "document", number, "issuers", document.issuers)
        _check_codes(text, "document", number, "nationalities", document.nationalities)
        _check_dates(text, "document", number, document)
    for number, stay in enumerate(table.stay):
        _check_codes(text, "stay", number, "nationalities", stay.nationalities)
        _check_dates(text, "stay", number, stay)
        if stay.window_days is not None and stay.window_days < stay.days:
            line = line_in(text, "stay", number, "window_days")
            raise ConfigError(f"the rules: line {line}: a window is not shorter than the days within it.")
    for number, visa in enumerate(table.visa):
        _check_codes(text, "visa", number, "issuers", visa.issuers)
        _check_codes(text, "visa", number, "nationalities", visa.nationalities)
        _check_dates(text, "visa", number, visa)
    for number, on_arrival in enumerate(table.visa_on_arrival):
        _check_codes(text, "visa_on_arrival", number, "nationalities", on_arrival.nationalities)
        _check_dates(text, "visa_on_arrival", number, on_arrival)
        _check_on_arrival(text, number, on_arrival)
    for number, ask in enumerate(table.ask):
        _check_codes(text, "ask", number, "nationalities", ask.nationalities)
        _check_codes(text, "ask", number, "countries", ask.countries)
        _check_dates(text, "ask", number, ask)
        _check_questions(text, number, ask)
    for number, risk in enumerate(table.risk):
        found = problem_of(risk)
        if found is not None:
            line = line_in(text, "risk", number, found[0])
            raise ConfigError(f"the rules: line {line}: {found[1]}.")
    return table


def _check_questions(text: str, number: int, rule: AskRule) -> None:
    for key, questions, allowed in (("ask", rule.ask, QUESTIONS), ("must", rule.must, rule.ask)):
        for question in questions:
            if question not in allowed:
                line = line_in(text, "ask", number, key)
                raise ConfigError(
                    f"the rules: line {line}: `{question}` is not among what is asked: {', '.join(allowed)}."
                    f"{did_you_mean(question, list(allowed))}"
                )


def _check_on_arrival(text: str, number: int, rule: OnArrivalRule) -> None:
    def refuse(key: str, why: str) -> None:
        line = line_in(text, "visa_on_arrival", number, key)
        raise ConfigError(f"the rules: line {line}: {why}")

    if not can_issue(rule.issuing_state):
        refuse("issuing_state", f"`{rule.issuing_state}` issues no visas by Doc 9303-3, section 5.")
    if rule.validity_days < rule.days:
        refuse("validity_days", "a visa is valid for as long as the stay that it allows.")
    for purpose in rule.purposes:
        if purpose not in PURPOSES:
            known = ", ".join(PURPOSES)
            near = did_you_mean(purpose, list(PURPOSES))
            refuse("purposes", f"`{purpose}` is not among the purposes: {known}.{near}")


def _check_codes(text: str, section: str, number: int, key: str, codes: tuple[str, ...]) -> None:
    """A rule for a state that nobody knows would never fit, and nobody would know."""
    for code in codes:
        if code != ANY and not is_known_code(code):
            line = line_in(text, section, number, key)
            raise ConfigError(f"the rules: line {line}: `{code}` is no code of Doc 9303-3, section 5.")


def _check_dates(text: str, section: str, number: int, rule: _Dated) -> None:
    if rule.from_ is not None and rule.until is not None and rule.until < rule.from_:
        line = line_in(text, section, number, "until")
        raise ConfigError(f"the rules: line {line}: the rule ends before it begins.")


def _among(code: str, codes: tuple[str, ...]) -> bool:
    return ANY in codes or code in codes
