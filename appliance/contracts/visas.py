"""A visa on arrival: what is applied for at the booth, what the second line decides, and the label.

An application is part of its crossing's record, a decision part of the record that closes the crossing's
case (`appliance.contracts.cases.Closing`); what became of a label is a record of type `visa_label` for each
act.
"""

import enum
from typing import Annotated, Final

import msgspec

from appliance.contracts.officers import MAX_REASON, Pin

RECORD_TYPE_VISA_LABEL: Final = "visa_label"
"""A blank label was taken for a visa, printed, or made void: see `LabelAct`."""
MAX_ADDRESS: Final = 200
MAX_RECEIPT: Final = 32
MAX_NUMBER: Final = 9
"""Characters of a label's number: what an MRZ has room for (Doc 9303-7, section 4.2.2)."""
MAX_EARLIER: Final = 10
"""Earlier applications that are told, the latest first."""

Crossing = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Typed = Annotated[str, msgspec.Meta(max_length=64)]
Reason = Annotated[str, msgspec.Meta(max_length=MAX_REASON)]


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """What a visa costs."""

    amount: str
    """In the currency's own units, as the rule writes it: 60.00."""
    currency: str
    """ISO 4217."""


class VisaTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the signed rules allowed when the application was taken."""

    table: str
    rule: int
    """Which `[[visa_on_arrival]]` of the table, from 1."""
    issuing_state: str
    type: str
    document_code: str
    label: str
    """MRV-A or MRV-B."""
    purposes: tuple[str, ...]
    days: int
    validity_days: int
    entries: int
    """The most; 0: any number."""
    fee: Fee | None
    says: dict[str, str] = {}


class EarlierVisa(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier application with this passport, as far as the box knows."""

    at: str
    """ISO 8601 in UTC."""
    outcome: str
    """Of VisaOutcome; empty: nobody has decided."""
    purpose: str
    days: int
    """Granted, else applied for."""
    number: str = ""
    """Of the label that it has."""


class VisaApplication(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied for at the booth; document, pictures and screening are the crossing's own."""

    purpose: str
    days: int
    address: str
    receipt: str
    """Number of the receipt for the fee; empty where there is none."""
    terms: VisaTerms
    earlier: tuple[EarlierVisa, ...] = ()
    officer: str = ""


class VisaOutcome(enum.StrEnum):
    """How an application ends."""

    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """The case was closed in another way, and no visa was needed or wanted."""


class VisaGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What was granted; the rest is the application's terms."""

    days: int
    entries: int
    """0: any number."""
    valid_from: Annotated[str, msgspec.Meta(max_length=10)]
    """ISO 8601, the day of the decision."""
    valid_until: Annotated[str, msgspec.Meta(max_length=10)]


class VisaDecision(msgspec.Struct, frozen=True, kw_only=True):
    """In the record that closes the case."""

    outcome: VisaOutcome
    type: str = ""
    """As the application's terms say."""
    grant: VisaGrant | None = None
    """Of granted, and of no other outcome."""


class KnownVisa(msgspec.Struct, frozen=True, kw_only=True):
    """A visa that this box has issued, with its label."""

    crossing: str
    """Of the application."""
    number: str
    lines: tuple[str, ...]
    """The label's MRZ."""
    days: int
    entries: int
    valid_from: str
    valid_until: str


class LabelState(enum.StrEnum):
    """What became of a blank label; each number is used once."""

    ISSUED = "issued"
    VOID = "void"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One label."""

    number: str
    state: LabelState
    lines: tuple[str, ...]
    """The MRZ; empty of a blank that was spoiled before anything was printed."""
    prints: int
    at: str
    """ISO 8601 in UTC: when it was taken."""
    reason: str = ""
    """Why it is void."""


class LabelAct(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a `visa_label` record."""

    act: str
    """issued, printed, printed_again, voided."""
    number: str
    crossing: str
    """Of the application; empty for a blank that no visa was printed on."""
    lines: tuple[str, ...] = ()
    """Of issued: the MRZ."""
    prints: int = 0
    reason: str = ""
    officer: str = ""
    role: str = ""


class IssueLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A blank label is taken for a granted visa; its number is typed, or scanned, twice."""

    crossing: Crossing
    number: Typed
    number_again: Typed


class PrintLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The label is printed; after the first time with a reason and the PIN."""

    crossing: Crossing
    reason: Reason = ""
    pin: Pin = ""


class VoidLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The visa's label, or a blank that was never used, is made void."""

    crossing: Crossing
    number: Typed
    reason: Reason
    pin: Pin


class VisaOffer(msgspec.Struct, frozen=True, kw_only=True):
    """That a traveller who stands here may apply, and for what."""

    purposes: tuple[str, ...]
    days: int
    fee: Fee | None
    says: dict[str, str] = {}
    purpose: str = ""
    """What they have said already."""
    stay_days: int | None = None


class VisaHead(msgspec.Struct, frozen=True, kw_only=True):
    """A granted visa in the list."""

    crossing: str
    name: str
    document: str
    granted_at: str
    valid_until: str
    number: str
    """Of its label; empty: it has none yet."""


class VisaFile(msgspec.Struct, frozen=True, kw_only=True):
    """All that the label's page shows."""

    head: VisaHead
    application: VisaApplication
    grant: VisaGrant
    officer: str
    post: str
    device: str
    """Where it was granted: its label is printed there."""
    here: bool
    birth_date: str
    sex: str
    nationality: str
    passport_number: str
    primary_identifier: str
    secondary_identifier: str
    picture: str
    """Of the case, for the label: portrait, else chip_portrait; empty: there is none."""
    labels: tuple[Label, ...]
    """All that were taken, the latest first."""

    @property
    def label(self) -> Label | None:
        """The one that counts."""
        return next((one for one in self.labels if one.state is LabelState.ISSUED), None)


VISA_PROBLEMS: Final = (
    *("unknown_visa", "elsewhere", "number_wrong", "not_the_same", "number_used", "has_label", "no_label"),
    "not_representable",
)
"""Why a label is not taken, printed or voided, beside `OFFICER_PROBLEMS`."""
