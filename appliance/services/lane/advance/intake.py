"""Taking a list in at the second line: a file is looked at first, then taken in piece by piece, beside the
travellers.

A file comes from the page, or lies in the folder `borne-advance` of the technician's stick; nothing on the
stick is taken in unseen. What was looked at stays in memory, so that what is taken in is what was seen.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from appliance.advance_file import AdvanceFileError, read_advance
from appliance.contracts.advance import (
    KINDS,
    MAX_LINES,
    MAX_SHOWN,
    AdvanceLine,
    AdvanceList,
    AdvanceResult,
    ImportAdvance,
    IntakeProgress,
    LookAtStick,
    Looked,
)
from appliance.contracts.errors import ServiceError
from appliance.csv_lines import MAX_FILE_BYTES
from appliance.plain_files import PlainFile, plain_files, read_plain
from appliance.records.errors import StorageError
from appliance.services.lane.advance.desk import AdvanceDesk

FOLDER: Final = "borne-advance"
SUFFIXES: Final = (".csv", ".txt", ".edi")
MAX_ON_STICK: Final = 200
"""Entries of the folder that are looked at."""
TOO_LARGE: Final = f"it is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB."
LINE: Final = ""
"""What the problem of a whole line is named by; its code is `fields`: it has another count of them."""


class IntakeError(Exception):
    """Nothing was done: a code of INTAKE_PROBLEMS."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked at last, by whom, and what taking it in needs."""

    token: str
    name: str
    by: str
    lines: tuple[AdvanceLine, ...]
    total: int


class IntakeDesk:
    """`officer` names who works at the second line now; empty: nobody does. Lives in the event loop."""

    def __init__(self, desk: AdvanceDesk, *, officer: Callable[[], str], stick: Path | None) -> None:
        self._desk = desk
        self._officer = officer
        self._stick = stick
        self._seen: _Seen | None = None
        self._work: asyncio.Task[None] | None = None
        self.progress = IntakeProgress()

    async def lists(self) -> tuple[AdvanceList, ...]:
        """All that the box knows, for who works here.

        Raises:
            IntakeError: not_allowed, storage.
        """
        self._allowed()
        try:
            return (await asyncio.to_thread(self._desk.lists)).lists
        except ServiceError as error:
            raise IntakeError("storage") from error

    def shown(self) -> IntakeProgress:
        """How far it is, for who works here; idle for anybody else."""
        return self.progress if self._officer() else IntakeProgress()

    async def stick(self) -> tuple[PlainFile, ...]:
        """The lists that lie on the stick; none without one.

        Raises:
            IntakeError: not_allowed; stick, it cannot be read.
        """
        self._allowed()
        return await asyncio.to_thread(self._on_stick)

    def _on_stick(self) -> tuple[PlainFile, ...]:
        if self._stick is None:
            return ()
        try:
            found = plain_files(self._stick / FOLDER, most=MAX_ON_STICK)
        except OSError as error:
            raise IntakeError("stick") from error
        return tuple(one for one in found if one.name.lower().endswith(SUFFIXES))

    async def look_at_stick(self, asked: LookAtStick) -> Looked:
        """Look at a file of the stick.

        Raises:
            IntakeError: gone, it lies there no more; stick, it cannot be read; as `look` besides.
        """
        self._allowed()
        data = await asyncio.to_thread(self._read, asked.name)
        if data is None:
            return Looked(token="", name=asked.name, refused=TOO_LARGE)
        return await self.look(data, asked)

    def _read(self, name: str) -> bytes | None:
        if self._stick is None or name not in {one.name for one in self._on_stick()}:
            raise IntakeError("gone")
        try:
            return read_plain(self._stick / FOLDER / name, MAX_FILE_BYTES)
        except OSError as error:
            raise IntakeError("stick") from error

    async def look(self, data: bytes, asked: LookAtStick) -> Looked:
        """What taking this file in would do; nothing of it is kept but in memory, until the next look.

        Raises:
            IntakeError: not_allowed; busy, a list is being taken in; storage.
        """
        by = self._allowed()
        if self.progress.state == "going":
            raise IntakeError("busy")
        self._seen = None
        kind = asked.kind if asked.kind in KINDS else ""
        try:
            lines, wrong = await asyncio.to_thread(
                read_advance, data, direction=asked.direction.value, kind=kind
            )
        except AdvanceFileError as error:
            return Looked(token="", name=asked.name, refused=str(error))
        results = [
            AdvanceResult(number=one.number, taken=False, problems=one.fields or {LINE: "fields"})
            for one in wrong
        ]
        try:
            for piece in _pieces(lines):
                answer = await self._desk.take(ImportAdvance(lines=piece, by=by, check_only=True))
                results += answer.results
        except ServiceError as error:
            raise IntakeError("storage") from error
        bad = sorted((one for one in results if one.problems), key=lambda one: one.number)
        numbers = {one.number for one in bad}
        good = Counter(one.list for one in lines if one.number not in numbers)
        token = secrets.token_hex(16)
        if good and by == self._officer():
            self._seen = _Seen(token, asked.name, by, tuple(lines), len(results))
        return Looked(
            token=token if self._seen else "",
            name=asked.name,
            good=good.total(),
            bad=len(bad),
            lists=tuple(good.most_common(MAX_SHOWN)),
            wrong=tuple(bad[:MAX_SHOWN]),
        )

    def take(self, token: str) -> IntakeProgress:
        """Begin to take in what was looked at; it goes on whatever becomes of the page.

        Raises:
            IntakeError: not_allowed; busy; gone, another was looked at since, or by somebody else.
        """
        by, seen = self._allowed(), self._seen
        if self.progress.state == "going":
            raise IntakeError("busy")
        if seen is None or seen.token != token or seen.by != by:
            raise IntakeError("gone")
        self._seen = None
        self.progress = IntakeProgress(
            state="going", name=seen.name, total=seen.total, bad=seen.total - len(seen.lines)
        )
        self._work = asyncio.get_running_loop().create_task(self._take(seen))
        return self.progress

    async def _take(self, seen: _Seen) -> None:
        state = "stopped"
        try:
            for piece in _pieces(seen.lines):
                answer = await self._desk.take(ImportAdvance(lines=piece, by=seen.by))
                now, results = self.progress, answer.results
                self.progress = msgspec.structs.replace(
                    now,
                    done=now.done + len(results),
                    taken=now.taken + sum(one.taken and not one.known for one in results),
                    known=now.known + sum(one.known for one in results),
                    bad=now.bad + sum(bool(one.problems) for one in results),
                )
            state = "done"
        except ServiceError:
            pass  # said by the state; what was taken before stays
        finally:
            self.progress = msgspec.structs.replace(self.progress, state=state)

    async def remove(self, id_: str) -> None:
        """A list that was taken in by mistake.

        Raises:
            IntakeError: not_allowed; busy; gone, there is none of this id; storage.
        """
        by = self._allowed()
        if self.progress.state == "going":
            raise IntakeError("busy")
        try:
            removed = await asyncio.to_thread(self._desk.remove, id_, by=by)
        except StorageError as error:
            raise IntakeError("storage") from error
        if not removed:
            raise IntakeError("gone")

    def _allowed(self) -> str:
        officer = self._officer()
        if not officer:
            raise IntakeError("not_allowed")
        return officer


def _pieces(lines: "list[AdvanceLine] | tuple[AdvanceLine, ...]") -> list[tuple[AdvanceLine, ...]]:
    return [tuple(lines[at : at + MAX_LINES]) for at in range(0, len(lines), MAX_LINES)]
