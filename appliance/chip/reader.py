"""Read an eMRTD: access, the files that say what there is, the chip's own proofs, then every wanted file.

The order is that of 9303-11 with the speed of a queue in mind: what lane can verify comes first, so that it
verifies while the portrait, which takes nine tenths of the time, is still on its way.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from appliance.chip.access import Access, Opener, read_offer
from appliance.chip.active_authentication import SignedChallenge, sign_challenge
from appliance.chip.blocks import LearnedManners, Manners, block_for, read_card_limits
from appliance.chip.channel import Channel, Transmit
from appliance.chip.errors import FileAbsent, FileError, ProtocolFailed
from appliance.chip.read_file import (
    continue_file,
    first_block_command,
    read_by_short_id,
    read_selected,
    read_whole,
    select_file,
)
from appliance.chip.result import ChipFiles, FileOutcome, FileStatus, Progress, outcome_of
from appliance.secure_messaging.apdu import Command, Response, Status
from appliance.secure_messaging.chip_authentication import ChipAuthentication, SessionKeys
from appliance.secure_messaging.errors import SecureMessagingError, SessionEnded
from appliance.travel_document.authentication.facts import (
    AccessFacts,
    ChipAuthenticationFacts,
)
from appliance.travel_document.authentication.passive import GUARDED
from appliance.travel_document.authentication.security_object import read_security_object
from appliance.travel_document.lds.com import read_com
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.lds.files import ATR_INFO, BY_NAME, CARD_ACCESS, CARD_SECURITY, ElementaryFile
from appliance.travel_document.lds.security_infos import read_dg14

FIRST: Final = ("COM", "SOD")
KEYS: Final = ("DG14", "DG15")
REST: Final = ("DG1", "DG11", "DG12", "DG7", "DG13", "DG16", "DG5", "DG6", "DG8", "DG9", "DG10", "DG2")
"""The portrait last: all else is verified meanwhile."""
MANDATORY: Final = ("DG1", "DG2")
MAX_SECONDS: Final = 60.0
"""A slow chip gives 40 kB in some 10 s; a traveller and a chip get no more than this together."""
MAX_OPENINGS: Final = 12
"""The access protocol runs this often for one chip, however often it ends the session."""
SHORT_ONLY: Final = 256
"""What a reader carries that says nothing of itself (PC/SC part 10, dwMaxAPDUDataSize)."""
NO_FIRST_BLOCK: Final = frozenset(
    {
        Status.UNKNOWN_INSTRUCTION,
        Status.WRONG_P1_P2,
        Status.WRONG_OFFSET,
        0x6981,
        0x6A81,
        Status.UNKNOWN_CLASS,
    }
)
"""What chips say that do not read by short identifiers; then files are selected first."""

_REFUSALS = frozenset(
    {
        Status.SECURITY_NOT_SATISFIED,
        Status.CONDITIONS_NOT_SATISFIED,
        Status.FILE_NOT_FOUND,
        Status.WRONG_P1_P2,
    }
)
"""Status words that mean no, whatever the block size; others may mean that the block was too long."""

LEARNED = LearnedManners()
"""What this process has learned of chips, by the state that issued them."""


def read_chip(
    transmit: Transmit,
    *,
    mrz_information: str | None = None,
    can: str | None = None,
    want: Sequence[str] | None = None,
    challenge: bytes = b"",
    chip_authentication: bool = True,
    issuer: str = "",
    reader_bytes: int = SHORT_ONLY,
    max_seconds: float = MAX_SECONDS,
    atr: bytes = b"",
    progress: Callable[[Progress], None] | None = None,
    verifiable: Callable[[Mapping[str, bytes]], None] | None = None,
    learned: LearnedManners = LEARNED,
) -> ChipFiles:
    """Open the chip with its MRZ information (9303-11, 4.3) or its CAN, and read it whole.

    `want` names data groups instead of all that the chip lists; `challenge` is for Active Authentication,
    none where it is empty; `verifiable` is called with the files so far before the portrait is read. A file
    that is absent or refused is an outcome. Everything else that goes wrong is an `EmrtdError`; errors of
    the reading device itself pass through.
    """
    reading = ChipReading(
        transmit,
        mrz_information=mrz_information,
        can=can,
        want=want,
        issuer=issuer,
        reader_bytes=reader_bytes,
        max_seconds=max_seconds,
        progress=progress,
        learned=learned,
    )
    reading.open()
    if chip_authentication:
        prove_here(reading)
    if challenge:
        reading.sign(challenge)
    reading.read_rest(before_portrait=verifiable)
    return reading.result(atr)


def prove_here(reading: "ChipReading") -> None:
    """Chip Authentication with the terminal's secret in this process: for commands, not for the appliance."""
    content = reading.files.get("DG14")
    if content is None:
        return
    try:
        ways = read_dg14(content).chip_authentication_ways()
    except EmrtdError:
        return
    for info, key in ways[:1]:
        run = ChipAuthentication(info, key)
        answer: bytes | None = None
        outcome, status = "refused", None
        try:
            answer = reading.authenticate(run.commands(), run.first_command(reading.next_command()).encode())
        except ProtocolFailed as error:
            status = error.status_word
        if answer is not None:
            try:
                run.proof(answer)
                outcome = "proved"
            except SessionEnded as error:
                outcome, status = "wrong", error.status_word
            except SecureMessagingError:
                outcome = "wrong"
        reading.continue_with(run.keys if outcome == "proved" else None)
        reading.chip_authentication = ChipAuthenticationFacts(
            outcome, info.description, run.public_key, info.inferred, status
        )


class ChipReading:
    """One chip, step by step: `open`, then `authenticate` and `sign` where they can be, then `read_rest`."""

    def __init__(
        self,
        transmit: Transmit,
        *,
        mrz_information: str | None = None,
        can: str | None = None,
        want: Sequence[str] | None = None,
        issuer: str = "",
        reader_bytes: int = SHORT_ONLY,
        max_seconds: float = MAX_SECONDS,
        progress: Callable[[Progress], None] | None = None,
        learned: LearnedManners = LEARNED,
    ) -> None:
        self._channel = Channel(transmit, max_seconds=max_seconds)
        # Keys are derived before the chip is asked for anything.
        self._opener = Opener(self._channel, mrz_information=mrz_information, can=can)
        self._want = None if want is None else tuple(BY_NAME[name].name for name in want)
        self._issuer = issuer
        self._reader_bytes = reader_bytes
        self._progress = progress
        self._learned = learned
        self._manners = learned.of(issuer)
        self._extended = False
        self._begun: tuple[ElementaryFile, Response] | None = None
        self._raw: tuple[Command, bytes] | None = None
        self._seconds: dict[str, float] = {}
        self._accesses = 0
        self._unknown_tags: tuple[int, ...] = ()
        self._signed: SignedChallenge | None = None
        self.chip_authentication: ChipAuthenticationFacts | None = None
        self.files: dict[str, bytes] = {}
        self.outcomes: dict[str, FileOutcome] = {}

    def open(self) -> None:
        """CardAccess, access, EF.COM and EF.SOD, and the keys of the chip's own proofs."""
        with self._step(CARD_ACCESS.name):
            offer = read_offer(self._channel, block_bytes=Manners().block)
            self._opener.opening.offer = offer
            if offer.content is not None:
                self.files[CARD_ACCESS.name] = offer.content
            self._ask_card()
        self._open()
        security = self._opener.opening.card_security
        if security is not None:
            self.files[CARD_SECURITY.name] = security
        for name in FIRST:
            self._take(BY_NAME[name])
        self._look_at_com()
        for name in self._chosen(KEYS):
            self._take(BY_NAME[name])

    def next_command(self) -> Command:
        """What will be sent first under new keys: the plain command whose answer is the chip's proof."""
        file = BY_NAME["DG1"]
        if self._manners.short_ids:
            return first_block_command(file, self._manners.block)
        return first_block_command(BY_NAME["COM"], self._manners.block)

    def authenticate(self, commands: Sequence[Command], first: bytes) -> bytes:
        """Carry Chip Authentication to the chip: its commands, then a first one that is protected already.

        Raises:
            ProtocolFailed: the chip refuses; the session that there was goes on.
        """
        plain = self.next_command()
        with self._step("CA"):
            for command in commands:
                try:
                    answer = self._channel.send(command)
                except SessionEnded as error:
                    self._open()
                    raise ProtocolFailed(
                        "chip_authentication", "The chip ended the session.", error.status_word
                    ) from error
                if not answer.ok:
                    sentence = f"The chip refuses Chip Authentication (status {answer.status:04X})."
                    raise ProtocolFailed("chip_authentication", sentence, answer.status)
            raw = self._channel.send_as_is(first)
        self._raw = plain, raw
        return raw

    def continue_with(self, keys: SessionKeys | None) -> None:
        """The keys under which the chip has answered rightly; None: it has not, so it is opened anew."""
        raw, self._raw = self._raw, None
        if raw is None:
            return
        if keys is None:
            self._open()
            return
        session = keys.session()
        session.protect(raw[0])
        answer = session.unprotect(Response.decode(raw[1]))
        self._channel.protect_with(session)
        if self._manners.short_ids:
            self._begun = BY_NAME["DG1"], answer

    def sign(self, challenge: bytes) -> SignedChallenge | None:
        """Active Authentication, where the chip has a key for it."""
        content = self.files.get("DG15")
        if content is None:
            return None
        with self._step("AA"):
            try:
                self._signed = sign_challenge(self._channel, challenge, content, extended=self._extended)
            except SessionEnded as error:
                self._open()
                self._begun = None
                self._signed = SignedChallenge(challenge, b"", error.status_word)
        return self._signed

    def read_rest(self, *, before_portrait: Callable[[Mapping[str, bytes]], None] | None = None) -> None:
        """All wanted files that are not read yet, the portrait last."""
        for name in self._chosen(REST):
            if name == "DG2" and before_portrait is not None:
                before_portrait(dict(self.files))
            self._take(BY_NAME[name])
        for number in sorted(GUARDED):
            if self._want is None and number in self._listed():
                self.outcomes[f"DG{number}"] = FileOutcome(FileStatus.GUARDED)
        if all(outcome.status is FileStatus.READ for outcome in self.outcomes.values() if outcome.protected):
            self._learned.learn(self._issuer, self._manners)

    def result(self, atr: bytes = b"") -> ChipFiles:
        """All of it."""
        opening, channel = self._opener.opening, self._channel
        assert opening.used is not None
        return ChipFiles(
            files=self.files,
            outcomes=self.outcomes,
            access=self.access(),
            chip_mapping=opening.mapping,
            active_authentication=self._signed,
            chip_authentication=self.chip_authentication,
            unknown_tags=self._unknown_tags,
            atr=atr,
            apdus=channel.apdus,
            bytes_sent=channel.bytes_sent,
            bytes_received=channel.bytes_received,
            seconds=self._seconds,
            card_seconds=channel.card_seconds,
            block_bytes=self._manners.block,
            accesses=self._accesses,
        )

    def access(self) -> AccessFacts:
        """Which access protocols were offered, tried and used."""
        opening = self._opener.opening
        used = opening.used.value if opening.used is not None else ""
        return AccessFacts(used, opening.offer.pace, tuple(opening.attempts))

    # Opening

    def _ask_card(self) -> None:
        """EF.ATR/INFO, where the reader could carry more than a short command and nothing is learned yet."""
        if self._reader_bytes <= SHORT_ONLY:
            self._manners = replace(self._manners, block=min(self._manners.block, Manners().block))
            return
        self._extended = True
        if self._manners.known:
            return
        block = block_for(read_card_limits(read_whole(self._channel, ATR_INFO)), self._reader_bytes)
        self._manners = replace(self._manners, block=max(block, self._manners.block))

    def _open(self) -> None:
        if self._accesses >= MAX_OPENINGS:
            raise ProtocolFailed("access", f"The chip ended its session {MAX_OPENINGS} times.")
        with self._step("access"):
            self._opener.open()
            self._accesses += 1
            self._tell("access", 1, 1)

    # Choosing

    def _listed(self) -> set[int]:
        """Data groups that the security object or EF.COM names; the mandatory ones where neither can be
        read."""
        numbers: set[int] = set()
        try:
            numbers |= set(read_security_object(self.files["SOD"]).hashes)
        except (KeyError, EmrtdError):
            numbers |= {1, 2}
        with suppress(KeyError, EmrtdError):
            numbers |= set(read_com(self.files["COM"]).numbers)
        return numbers

    def _chosen(self, names: Sequence[str]) -> list[str]:
        if self._want is not None:
            wanted = set(self._want)
            return [name for name in (*names, *self._others(names)) if name in wanted]
        listed = self._listed()
        return [name for name in names if int(name[2:]) in listed]

    def _others(self, names: Sequence[str]) -> tuple[str, ...]:
        """Guarded groups are read only when somebody asks for them by name; the chip will refuse."""
        return ("DG3", "DG4") if names == REST else ()

    def _look_at_com(self) -> None:
        try:
            tags = read_com(self.files["COM"]).tags
        except (KeyError, EmrtdError):
            return
        known = {file.tag for file in BY_NAME.values()}
        self._unknown_tags = tuple(tag for tag in tags if tag not in known)

    # Files

    def _take(self, file: ElementaryFile) -> None:
        if file.name in self.files:
            return
        with self._step(file.name):
            self.outcomes[file.name] = self._read(file)

    def _read(self, file: ElementaryFile) -> FileOutcome:
        """One file; smaller blocks after an error that a smaller block may cure, each in a new session.

        Every round either returns or uses up a way of reading, so the chip is opened a bounded number of
        times.
        """
        while True:
            try:
                self.files[file.name] = self._read_once(file)
            except FileAbsent as error:
                return outcome_of(error.status_word, protected=True)
            except FileError as error:
                if self._manners.short_ids and error.status_word in NO_FIRST_BLOCK:
                    self._manners = replace(self._manners, short_ids=False)
                    continue
                if error.status_word >> 8 == 0x6C and 0 < error.status_word & 0xFF < self._manners.block:
                    self._manners = replace(self._manners, block=error.status_word & 0xFF)
                    continue
                if self._final(error.status_word):
                    return outcome_of(error.status_word, protected=True)
            except SessionEnded as error:
                if self._final(error.status_word):
                    self._open()
                    return outcome_of(error.status_word, protected=False)
            else:
                return FileOutcome(FileStatus.READ)
            shyer = self._manners.shyer()
            assert shyer is not None
            self._manners = shyer
            self._learned.forget(self._issuer)
            self._open()

    def _read_once(self, file: ElementaryFile) -> bytes:
        block = self._manners.block
        tell = lambda done, total: self._tell(file.name, done, total)  # noqa: E731
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] == file:
            return continue_file(self._channel, file, begun[1], block_bytes=block, progress=tell)
        if self._manners.short_ids:
            return read_by_short_id(self._channel, file, block_bytes=block, progress=tell)
        select_file(self._channel, file)
        return read_selected(self._channel, file, block_bytes=block, progress=tell)

    def _final(self, status_word: int) -> bool:
        return status_word in _REFUSALS or self._manners.shyer() is None

    def _tell(self, step: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(Progress(step, done, total))

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began


__all__ = [
    "LEARNED",
    "Access",
    "ChipFiles",
    "ChipReading",
    "FileOutcome",
    "FileStatus",
    "Progress",
    "read_chip",
]
