"""The officer's words: every code that can reach the screen, said in a language from its catalogue.

A message's id is `kind.code` ("reason.expired"); a code may have words of its own for one check or
one area ("reason.watchlist.person.match"). The catalogues are compiled when they are loaded, so that
nothing has to be built before the first start.
"""

import datetime as dt
import functools
import gettext
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from appliance.contracts.advance import INTAKE_PROBLEMS, KINDS
from appliance.contracts.agent import SELF_TEST_CHECKS, SELF_TEST_REASONS
from appliance.contracts.asked import (
    GROUPS,
    NOTE_PROBLEMS,
    PROOFS,
    PURPOSES,
    QUESTIONS,
    ROLES,
    TRANSPORTS,
)
from appliance.contracts.capture import PAGE_HINTS
from appliance.contracts.cases import CASE_PROBLEMS, CaseKind, CaseOutcome, Ground
from appliance.contracts.checks import CHECKS
from appliance.contracts.face import INSTRUCTIONS, NOT_MEASURED, OFIQ_MEASURES, OWN_MEASURES
from appliance.contracts.finger import FINGER_INSTRUCTIONS, POSITIONS
from appliance.contracts.lane import LAY_DOWN_AGAIN
from appliance.contracts.naming import ACTS, NAMING_PROBLEMS
from appliance.contracts.officers import OFFICER_PROBLEMS, Role
from appliance.contracts.paper import PAPER_PROBLEMS
from appliance.contracts.technician import BENCH_PROBLEMS, SIGNALS
from appliance.contracts.visas import VISA_PROBLEMS, VisaOutcome
from appliance.services.lane.second_line.indicators import INDICATORS
from appliance.services.lane.second_line.routines import FEATURES, LIGHTS, PROPERTIES, RESULTS

LOCALE: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "kiosk"
LANGUAGES: Final = ("en", "fr", "ru", "ky", "prs", "ps", "ar", "es", "pt")
"""Those with a catalogue: English is written with the code, docs/languages.md says how the others stand."""
LOCALES: Final = {"prs": "fa_AF"}
"""Languages that CLDR knows by another code: Dari, by ISO 639-3 and in every `lang`."""
NAMES: Final = {"prs": "دری"}
"""Names of a language for itself where CLDR's says less."""

REASONS: Final = tuple(dict.fromkeys(reason for reasons in CHECKS.values() for reason in reasons))
TROUBLES: Final = (
    "document_not_read",
    "visa_not_read",
    "storage_full",
    "storage_broken",
    "capture_unreachable",
)
STEPS: Final = (
    *("waiting", "reading_document", "reading_chip", "reading_visa", "taking_portrait", "taking_fingers"),
    *("checking", "deciding", "recording"),
)
FINGERS_TAKEN: Final = "fingers_taken"
FINGER_GUIDE: Final = (*POSITIONS, *FINGER_INSTRUCTIONS[1:], FINGERS_TAKEN)
"""To lay a finger is said by its name."""
GUIDE: Final = (
    *("welcome", "notice", *INSTRUCTIONS, *FINGER_GUIDE),
    *("good", "taken", "timed_out", "missed"),
)
"""What the traveller is told while a picture or a finger is taken."""
MEASURES: Final = tuple(name for name in (*OFIQ_MEASURES, *OWN_MEASURES) if name not in NOT_MEASURED)
"""What a profile may find too low."""
FIELDS: Final = (
    *("document_number", "document_code", "issuing_state", "primary_identifier", "secondary_identifier"),
    *("nationality", "birth_date", "sex", "expiry_date", "optional_data", "check_digits", "format"),
)

VIZ: Final = (
    *("place", "issued", "valid_from", "valid_until", "entries", "number", "type", "stay", "name"),
    *("passport", "authority"),
)
"""What stands beside the fields of a visa's label (Doc 9303-7, section 3.2)."""
ISSUERS: Final = (
    *("D", "GBD", "GBN", "GBO", "GBP", "GBS", "RKS", "EUE", "UNO", "UNA", "UNK"),
    *("XBA", "XIM", "XCC", "XCE", "XCO", "XEC", "XPO", "XES", "XMP", "XOM", "XDC"),
    *("XXA", "XXB", "XXC", "XXX", "ANT", "NTZ", "UTO", "IAO", "KGZ"),
)
"""Doc 9303's codes beyond ISO 3166-1, and States whose name in CLDR is not their own; CLDR has the others."""

KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "check": tuple(CHECKS),
    "area": ("mrz", "document", "chip", "seal", "biometrics", "journey", "watchlist"),
    "verdict": ("PASS", "FAIL", "NOT_DONE", "CANNOT"),
    "reason": REASONS,
    "recommendation": ("GREEN", "AMBER", "RED"),
    "step": STEPS,
    "instruction": (*STEPS, "waiting_for_document", "waiting_for_officer"),
    "guide": GUIDE,
    "measure": MEASURES,
    "guide_more": ("welcome", "notice"),
    "action": ("start", "retry", "admit", "refer", "not_same", "seen", "without_visa", "no_chip"),
    "late": ("new_list", "late_answer", "paper"),
    "trouble": TROUBLES,
    "remedy": TROUBLES,
    "page_hint": (*PAGE_HINTS, LAY_DOWN_AGAIN),
    "notice": (
        "database_set_aside",
        "records_cut",
        "support_access",
        "counter_lost",
        "crossing_unreadable",
        "disk_almost_full",
        "signed_data_unreadable",
        "clock_unsure",
        "power_failing",
    ),
    "outcome": ("admitted", "referred"),
    "direction": ("entry", "exit"),
    "profile": ("production", "demo", "training"),
    "device": (
        *("document_reader", "barcode_reader", "camera", "illumination"),
        *("fingerprint_sensor", "panel", "power"),
    ),
    "state": ("ABSENT", "PROBING", "READY", "BUSY", "FAULT"),
    "issuer": ISSUERS,
    "time": ("nts", "gnss", "rtc", "carried", "unsure"),
    "source": ("mrz_line", "camera", "manual"),
    "kind": ("P", "I", "V", "other"),
    "sex": ("M", "F", "X"),
    "field": FIELDS,
    "case_kind": tuple(CaseKind),
    "case_outcome": tuple(CaseOutcome),
    "ground": tuple(Ground),
    "case_problem": CASE_PROBLEMS,
    "visa_problem": VISA_PROBLEMS,
    "visa_outcome": tuple(VisaOutcome),
    "viz": VIZ,
    "light": LIGHTS,
    "shows": PROPERTIES,
    "feature": FEATURES,
    "routine_result": RESULTS,
    "indicator": INDICATORS,
    "photo": (
        *("portrait", "chip_portrait", "page", "page_white", "page_oblique"),
        *("page_infrared", "page_ultraviolet"),
    ),
    "question": (*QUESTIONS, "visa_entries"),
    "purpose": PURPOSES,
    "transport": TRANSPORTS,
    "proof": PROOFS,
    "gap": ("no_exit", "no_entry"),
    "group_kind": GROUPS,
    "group_role": ROLES,
    "note_problem": NOTE_PROBLEMS,
    "list_kind": KINDS,
    "advance_problem": ("too_old", "too_early", "list_differs", "too_many", "fields"),
    "intake_problem": INTAKE_PROBLEMS,
    "typed_problem": PAPER_PROBLEMS,
    "officer_problem": tuple(code for code in OFFICER_PROBLEMS if code != "locked"),
    "role": tuple(Role),
    "naming_act": ACTS,
    "naming_problem": NAMING_PROBLEMS,
    "bench_check": SELF_TEST_CHECKS,
    "bench_reason": SELF_TEST_REASONS,
    "bench_signal": SIGNALS,
    "bench_light": ("good", "dark", "bright", "contrast"),
    "bench_fact": (*("temperature", "voltage", "mains", "battery", "disk", "memory", "uptime", "ready"),),
    "bench_problem": BENCH_PROBLEMS,
    "plural": ("hours", "days", "entries", "unsent", "PASS", "FAIL", "NOT_DONE", "CANNOT"),
}
"""Every code that the box is known to say, by kind; each has words in every catalogue."""


class UnknownLanguage(ValueError):
    """There is no catalogue for this language."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words. A code without words is shown as it is: odd, but never silent."""

    code: str
    locale: Locale
    catalogue: gettext.NullTranslations

    @property
    def direction(self) -> str:
        """ltr or rtl, for the page's `dir`."""
        return self.locale.text_direction

    @property
    def comma(self) -> str:
        """What stands between the members of a list."""
        return "، " if self.direction == "rtl" else ", "

    @property
    def name(self) -> str:
        """The language's name for itself."""
        return NAMES.get(self.code) or str(self.locale.get_display_name() or self.code).capitalize()

    def find(self, *ids: str) -> str | None:
        """The words of the first of these ids that has any."""
        for id_ in ids:
            text = self.catalogue.gettext(id_)
            if text != id_:
                return text
        return None

    def say(self, kind: str, code: str) -> str:
        return self.find(f"{kind}.{code}") or code

    def of_check(self, kind: str, check: str, code: str) -> str | None:
        """Words for a check's code: its own, its area's, or everybody's."""
        area = check.partition(".")[0]
        return self.find(f"{kind}.{check}.{code}", f"{kind}.{area}.{code}", f"{kind}.{code}")

    def ui(self, id_: str, **values: object) -> str:
        text = self.say("ui", id_)
        return text % values if values else text

    def issuer(self, code: str) -> str | None:
        """The name of a State, organization or status; None for a code that nobody knows."""
        own = self.find(f"issuer.{code}")
        if own is not None or len(code) != 3:
            return own
        return self.locale.territories.get(territory_of(code) or "")

    def count(self, id_: str, number: int) -> str:
        """The words for so many, in the language's own plural forms."""
        return self.catalogue.ngettext(f"plural.{id_}", f"plural.{id_}", number) % {"n": number}

    def span(self, hours: float) -> str:
        """An age in words: hours for the first two days, then days."""
        if hours < 1:
            return self.ui("under_an_hour")
        if hours < 48:
            return self.count("hours", int(hours))
        return self.count("days", int(hours // 24))

    def date(self, iso: str) -> str:
        """An ISO date in the language's way; one with unknown parts stays as it is."""
        try:
            day = dt.date.fromisoformat(iso)
        except ValueError:
            return iso
        return format_date(day, "d MMM y", locale=self.locale)

    def decimal(self, number: float) -> str:
        """A number with two places, in the language's way."""
        return str(format_decimal(number, "0.00", locale=self.locale))

    def percent(self, share: float) -> str:
        return format_percent(share, locale=self.locale)


def territory_of(code: str) -> str | None:
    """CLDR's two letters for a State's three; None for what is no State, or several."""
    short = get_global("territory_aliases").get(code, ())
    return str(short[0]) if len(short) == 1 else None


@functools.cache
def load_words(code: str, *, folder: Path = LOCALE) -> Words:
    """A language's catalogue, compiled.

    Raises:
        UnknownLanguage: there is none for this code.
    """
    path = folder / code / "LC_MESSAGES" / f"{DOMAIN}.po"
    try:
        locale = Locale.parse(LOCALES.get(code, code))
        with path.open("rb") as file:
            catalogue = read_po(file, locale=locale, domain=DOMAIN)
    except (UnknownLocaleError, ValueError, OSError) as error:
        known = sorted(found.name for found in folder.iterdir() if (found / "LC_MESSAGES").is_dir())
        raise UnknownLanguage(
            f"There are no words for the language {code!r}; there are for: {', '.join(known)}."
        ) from error
    compiled = io.BytesIO()
    write_mo(compiled, catalogue, use_fuzzy=True)  # fuzzy: a draft that nobody has reviewed yet
    compiled.seek(0)
    return Words(code=code, locale=locale, catalogue=gettext.GNUTranslations(compiled))
