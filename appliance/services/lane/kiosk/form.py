"""Forms on the officer's page: a typed document, a login, a release; what the box says to each, in words."""

from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

import msgspec

from appliance.contracts.officers import OfficerAnswer
from appliance.contracts.typed import DOCUMENT_CODES, TYPED_FOR, TypedAnswer
from appliance.services.lane.kiosk.words import Words
from appliance.travel_document import state_name
from appliance.travel_document.codes import can_issue, state_codes

KINDS: Final = {"P": "P", "I": "I", "V": "V", "O": "other"}
"""Codes of documents by the words that the page has for them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several: its code and its words."""

    code: str
    word: str


@dataclass(frozen=True, slots=True)
class Form:
    """What the template chooses from."""

    typed_for: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    sexes: tuple[Choice, ...]
    issuers: tuple[Choice, ...]
    nationalities: tuple[Choice, ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The answer in words."""

    taken: bool
    problems: dict[str, str] = {}
    """Field to sentence."""
    shown: dict[str, str] = {}
    """What the document would be, to be confirmed: field to text."""


def form_of(words: Words) -> Form:
    """The form in this language."""
    states = sorted(
        (Choice(code, words.issuer(code) or state_name(code) or code) for code in state_codes()),
        key=lambda choice: normalize("NFKD", choice.word).casefold(),  # É beside E
    )
    return Form(
        typed_for=tuple(Choice(code, words.say("reason", code)) for code in TYPED_FOR),
        kinds=tuple(Choice(code, words.say("kind", KINDS[code])) for code in DOCUMENT_CODES),
        sexes=tuple(Choice(code, words.say("sex", code)) for code in ("M", "F", "X")),
        issuers=tuple(choice for choice in states if can_issue(choice.code)),
        nationalities=tuple(states),
    )


def said(answer: TypedAnswer, words: Words) -> Said:
    """The lane's answer in words."""
    document = answer.document
    shown = {}
    if document is not None:
        shown = {
            "name": f"{document.primary_in_latin}, {document.secondary_in_latin}".rstrip(", "),
            "document_number": document.document_number,
            "birth_date": words.date(document.birth_date),
        }
    return Said(
        taken=answer.taken,
        problems={field: words.say("typed_problem", code) for field, code in answer.problems.items()},
        shown=shown,
    )


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was taken, or why not."""

    taken: bool
    sentence: str = ""


def refusal(answer: OfficerAnswer, words: Words) -> Refusal:
    """The answer to a PIN, in words."""
    if answer.taken:
        return Refusal(taken=True)
    if answer.problem == "locked":
        return Refusal(taken=False, sentence=words.ui("officer_locked", minutes=answer.minutes))
    return Refusal(taken=False, sentence=words.say("officer_problem", answer.problem))
