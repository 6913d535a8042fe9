"""A document that an officer types in: what the form sends, and what is kept of it.

For papers that no machine reads, readers that do not work, and people without papers: ordinary paths at a
small post (promises 5 and 6). What was typed is never taken for something that was read.
"""

import msgspec

IN_GUARDIANS_DOCUMENT = "in_guardians_document"
"""A child that is entered in the document of who is linked as its guardian."""
TYPED_FOR = (
    *("not_machine_readable", "reader_failed", "unreadable", "no_document"),
    IN_GUARDIANS_DOCUMENT,
)
"""Why it was typed: the reasons of `mrz.read`; no_document makes a provisional identity."""
DOCUMENT_CODES = ("P", "I", "V", "O")
"""Passport, identity card, visa, any other paper."""
PROBLEMS = (
    *("missing", "differs", "unknown_code", "not_an_issuer", "not_a_date", "in_future"),
    *("expires_before_birth", "no_letters", "too_long", "choose", "no_guardian"),
)
"""What can be wrong with a field of the form; each has words in every language."""
MAX_FIELD = 200
"""Characters; twice the longest name that Doc 9303 lets anybody bear."""


class TypedEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The form as sent. Number and birth date are typed twice, because nothing else holds a slip up."""

    crossing: str
    """Of the traveller whom the officer saw when the form was opened."""
    typed_for: str
    document_code: str = ""
    issuing_state: str = ""
    document_number: str = ""
    document_number_again: str = ""
    primary_identifier: str = ""
    secondary_identifier: str = ""
    nationality: str = ""
    birth_date: str = ""
    birth_date_again: str = ""
    sex: str = ""
    expiry_date: str = ""
    confirmed: bool = False
    """The officer has seen what the box made of it."""


class TypedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document as typed and confirmed; names in the script in which they were typed."""

    typed_for: str
    document_code: str
    issuing_state: str
    """Empty where there is no document."""
    document_number: str
    """Of a person without papers: the provisional number that the box gave."""
    primary_identifier: str
    secondary_identifier: str
    nationality: str
    birth_date: str
    """ISO 8601, unknown parts as ??"""
    sex: str
    """M, F or X."""
    expiry_date: str
    """ISO 8601, empty where the document names none."""
    primary_in_latin: str
    """As Doc 9303-3 would write it in an MRZ, components parted by spaces."""
    secondary_in_latin: str
    lines: tuple[str, ...] = ()
    """The MRZ that such a document would have, for the chip's access keys; never shown as read."""


class TypedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the box says to a form."""

    taken: bool
    problems: dict[str, str] = {}
    """Field to a code of PROBLEMS."""
    document: TypedDocument | None = None
    """What it would be, to be confirmed."""
