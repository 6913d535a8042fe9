"""A box joins its post by itself: it takes the papers that were gathered, asks for what it lacks, reports.

It runs as the user that has lane's keys, before lane starts, and again when a stick comes. A paper is put
aside before it is installed: after a power cut the next start ends what was begun, with the stick gone.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography import x509
from nacl.public import PrivateKey, PublicKey
from nacl.signing import VerifyKey

from appliance.contracts.post_joining import GatheredPaper, PostReport, PostWanted
from appliance.key_files import KeyFileError, read_key
from appliance.plain_files import read_plain
from appliance.post.home import MEMBERS, PostHome, PostState
from appliance.post.index_keys import Keeper
from appliance.post.members import SEALING_SUFFIX, SUFFIX
from appliance.post.papers import (
    MAX_FILE_BYTES,
    Paper,
    PostPaperError,
    authority_letters,
    paper_of,
    request_letters,
    same_letters,
)
from appliance.whole_files import write_whole

TAKING: Final = "taking.post.json"
RENEWAL_DAYS: Final = 90
"""A certificate that ends sooner is asked for anew: a yearly visit may be the last before its end."""
MAX_SENTENCE: Final = 400


@dataclass(slots=True)
class _Said:
    """What became of the papers: the first refusal is told before what was taken."""

    event: Literal["", "taken", "refused", "no_authority"] = ""
    sentence: str = ""
    spent: tuple[str, ...] = ()
    new_certificate: bool = False

    def refused(self, where: str, why: str) -> None:
        if self.event not in ("refused", "no_authority"):
            self.event, self.sentence = "refused", f"{where}: {why}"[:MAX_SENTENCE]

    def taken(self, where: str, paper: Paper) -> None:
        if self.event in ("", "taken"):
            what = "its certificate" if paper.certificate is not None else "the list of members"
            self.event, self.sentence = "taken", f"{where}: {what} of {paper.post} is taken."[:MAX_SENTENCE]


class Joining:
    """One box's errand. `sealing` and `keeper` are asked for when a paper is to be installed, and not before:
    a TPM takes its time."""

    def __init__(
        self,
        wanted: PostWanted,
        *,
        folder: Path,
        signing: VerifyKey,
        sealing_public: PublicKey,
        sealing: Callable[[], PrivateKey],
        keeper: Callable[[], Keeper | None],
    ) -> None:
        self._wanted = wanted
        self._folder = folder
        self._home = PostHome(folder)
        self._own = signing, sealing_public
        self._sealing = sealing
        self._keeper = keeper

    def run(self, gathered: Path, *, now: dt.datetime) -> PostReport:
        """Take, ask, report. What is wrong with a paper is in the report.

        Raises:
            OSError: the disk does not take it; the next start tries again.
        """
        said = _Said()
        self._end_what_was_begun(said)
        for one in self._wanted.papers:
            self._take(gathered / one.file, one, said)
        if (wrong := self._wanted.not_gathered) is not None and said.event in ("", "taken"):
            said.event, said.sentence = wrong.code, wrong.sentence
        return self._report(said, now)

    def _end_what_was_begun(self, said: _Said) -> None:
        begun = self._folder / TAKING
        data = read_plain(begun, MAX_FILE_BYTES)
        if data is None:
            return
        with self._refusing("The paper that was being taken", said):
            said.new_certificate |= self._install(begun, data).certificate is not None
        begun.unlink(missing_ok=True)

    def _take(self, path: Path, one: GatheredPaper, said: _Said) -> None:
        with self._refusing(one.where, said):
            data = read_plain(path, MAX_FILE_BYTES)
            if data is None:
                raise PostPaperError("it is gone.")
            paper, ca = paper_of(data, "It")
            held, older = self._home.holds(paper, ca), self._home.is_older(paper, ca)
            if one.on_card and self._is_pinned(ca) and (held or older):
                said.spent += (one.on_card,)
            if held:
                return
            begun = self._folder / TAKING
            write_whole(begun, data)
            try:
                self._install(begun, data)
            except (PostPaperError, KeyFileError):
                begun.unlink(missing_ok=True)
                raise
            begun.unlink(missing_ok=True)
            said.taken(one.where, paper)
            said.new_certificate |= paper.certificate is not None
            if one.on_card:
                said.spent += (one.on_card,)

    def _install(self, file: Path, data: bytes) -> Paper:
        """By the same code as `borne post install`; the letters are those that were pinned before."""
        if self._wanted.authority is None:
            raise PostPaperError("nobody has said whose papers are taken.")
        paper, ca = paper_of(data, "It")
        if self._home.holds(paper, ca) and paper.certificate is None:
            return paper
        return self._home.install(
            file,
            device=self._wanted.device,
            letters=self._wanted.authority,
            sealing=self._sealing(),
            keys=self._wanted.keys,
            keeper=self._keeper(),
        )

    def _report(self, said: _Said, now: dt.datetime) -> PostReport:
        state = self._state()
        device = self._wanted.device
        days = -1 if state is None else (state.until - now).days
        report = PostReport(
            device=device,
            state="asked" if state is None else "ended" if days < 0 else "member",
            event=said.event,
            sentence=said.sentence,
            spent=said.spent,
            new_certificate_at=time.monotonic() if said.new_certificate else None,
        )
        if state is not None:
            report = msgspec.structs.replace(
                report,
                until=f"{state.until:%Y-%m-%d}",
                authority=state.letters,
                members=len(state.members),
            )
        if report.state == "member" and days >= RENEWAL_DAYS and self._is_member_with_these_keys():
            return report
        request = self._home.standing_request(device, *self._own)
        return msgspec.structs.replace(
            report,
            state="renewal" if report.state == "member" else report.state,
            request=msgspec.json.encode(request).decode(),
            letters=request_letters(request),
        )

    def _state(self) -> PostState | None:
        """What it has of this post under this name; None: nothing, or what was another's."""
        try:
            state = self._home.state()
        except PostPaperError:
            return None
        pinned = self._wanted.authority
        same = state.device == self._wanted.device and (pinned is None or same_letters(pinned, state.letters))
        return state if same else None

    def _is_member_with_these_keys(self) -> bool:
        """Whether the post knows the keys that this box has now."""
        file = self._folder / MEMBERS / self._wanted.device
        signing, sealing = self._own
        try:
            known = (
                read_key(file.with_name(file.name + SUFFIX), VerifyKey),
                read_key(file.with_name(file.name + SEALING_SUFFIX), PublicKey),
            )
        except KeyFileError:
            return False
        return known == (signing, sealing)

    def _is_pinned(self, ca: x509.Certificate) -> bool:
        pinned = self._wanted.authority
        return pinned is not None and same_letters(pinned, authority_letters(ca))

    @contextmanager
    def _refusing(self, where: str, said: _Said) -> Iterator[None]:
        try:
            yield
        except (PostPaperError, KeyFileError) as error:
            said.refused(where, str(error))
