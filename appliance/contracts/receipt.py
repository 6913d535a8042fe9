"""What a traveller may take along of their crossing, and nothing else (promise 8).

There is no field that a check, a list, a status or a reason could come through: who was admitted gets one
receipt, everybody else the same neutral one.
"""

import msgspec

from appliance.contracts.checks import Direction

RECORDED = ("document", "portrait", "fingers")
"""What may have been taken of somebody, as they have seen it themselves."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One crossing, as its traveller saw it."""

    reference: str
    """What the traveller names when they ask or appeal: the beginning of the crossing's name."""
    post: str
    direction: Direction
    at: str
    """ISO 8601 with offset."""
    sure_time: bool
    admitted: bool
    """False: an officer goes on with it; why is not said here, to nobody."""
    recorded: tuple[str, ...]
    """Of RECORDED."""
    stay_days: int | None = None
    """Of who was admitted in, where a rule says so: at most so many days, today among them."""
    stay_window_days: int | None = None
    """In any so many days, earlier stays among them; None: from today on."""
    appeal: dict[str, str] = {}
    """Where to ask and to appeal, by language, as the policy says."""
    shown: bool = False
    """The officer has put it on the traveller's own screen: until then nothing there tells an outcome."""


class ShowReceipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The officer puts this receipt on the traveller's screen."""

    reference: str


class PrintReceipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """This receipt on paper."""

    reference: str
    language: str = ""
    """As it is shown; empty: the traveller's own."""
