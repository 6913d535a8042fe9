"""What stands behind the gateway: a register's interface, and one that is backed by list files.

A real register (a national one, INTERPOL's FIND or MIND) is another class with the same two members;
`central/GATEWAY.md` says what it must do and what it must not.
"""

from pathlib import Path
from typing import Protocol

from appliance.live_query import MAX_HITS, LiveHit, Query
from appliance.screening import ListUnreadable, Subject
from appliance.screening.documents.index import MAGIC
from appliance.screening.documents.search import NumberList, open_numbers
from appliance.screening.lists import ListInfo, open_list_file
from appliance.screening.persons.search import PersonList
from appliance.screening.screen import person_query


class RegisterUnreachable(Exception):
    """The register did not answer; the box is told so, and never that there was no hit."""


class Register(Protocol):
    """One register. Called in a thread of its own; it must end by itself within `seconds`."""

    @property
    def name(self) -> str:
        """As the officer reads it."""
        ...

    def ask(self, query: Query, *, seconds: float) -> tuple[LiveHit, ...]:
        """The hits, the gravest first.

        Raises:
            RegisterUnreachable: no answer, or none that can be understood.
        """
        ...


class FileRegister:
    """A register that is a list file of `borne list build`, asked the way a box asks its own lists."""

    def __init__(self, name: str, path: Path, *, index_key: bytes = b"") -> None:
        """Raises:
        ListUnreadable: the file is no list, or hashed under another key.
        """
        self._name = name
        with path.open("rb") as file:
            numbers = file.read(8) == MAGIC
        self._list: PersonList | NumberList = (
            open_numbers(path, index_key) if numbers else PersonList(open_list_file(path))
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def info(self) -> ListInfo:
        return self._list.info

    def ask(self, query: Query, *, seconds: float) -> tuple[LiveHit, ...]:
        """Raises:
        RegisterUnreachable: the file is damaged.
        """
        del seconds  # a file answers at once
        try:
            return (self._numbers(query) if isinstance(self._list, NumberList) else self._persons(query))[
                :MAX_HITS
            ]
        except ListUnreadable as error:
            raise RegisterUnreachable(f"The register {self._name} is damaged.") from error

    def _numbers(self, query: Query) -> tuple[LiveHit, ...]:
        assert isinstance(self._list, NumberList)
        subject, info = query.subject, self._list.info
        hits = self._list.search(
            subject.document_number,
            issuing_state=subject.issuing_state,
            check_digit_fits=True,
            document_type=subject.document_type,
        )
        # What was read with a changed character is for the box to say, which sees the page's check digit.
        return tuple(
            LiveHit(
                reason=hit.status.value, entry=hit.entry, entry_reason=hit.status.value, why=hit.why,
                action=info.action, contact=info.contact,
            )
            for hit in hits
            if not hit.changed
        )  # fmt: skip

    def _persons(self, query: Query) -> tuple[LiveHit, ...]:
        assert isinstance(self._list, PersonList)
        said, info = query.subject, self._list.info
        subject = Subject(
            primary_identifier=said.primary_identifier,
            secondary_identifier=said.secondary_identifier,
            name_truncated=said.name_truncated,
            birth_date=said.birth_date,
            sex=said.sex,
            nationality=said.nationality,
            issuing_state=said.issuing_state,
            document_number=said.document_number,
        )
        hits = list(self._list.search(person_query(subject), direction=query.direction))
        if said.personal_number:
            states = (said.issuing_state, said.nationality)
            hits += self._list.search_personal_number(
                said.personal_number, states=states, direction=query.direction
            )
        return tuple(
            LiveHit(
                reason="match" if hit.certain else "possible_match", entry=hit.reference,
                entry_reason=hit.entry.reason, score=hit.score, why=hit.why[:32],
                action=hit.entry.action or info.action, contact=hit.entry.contact or info.contact,
            )
            for hit in sorted(hits, key=lambda hit: (-hit.certain, -hit.score))
        )  # fmt: skip
