"""The authority of one post: a folder with its key, who belongs to the post, and what was handed out.

It is made for this post alone and vouches for no one else. A certificate opens the hub's door; who is
believed behind it is a member, and a member is put out by a new list.
"""

import datetime as dt
import os
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.contracts.provisioning import Hex32, Word
from appliance.contracts.wire import check_name
from appliance.post_papers import (
    MAX_MEMBERS,
    Paper,
    PostPaperError,
    Request,
    authority_letters,
    issue,
    pem_of,
    self_signed,
    sign_paper,
)
from appliance.whole_files import write_whole

KEY_FILE, CERTIFICATE_FILE, STATE_FILE = "post-ca.key", "post-ca.pem", "post-state.json"
AUTHORITY_DAYS: Final = 3653
"""Ten years: longer than the boxes live. A new authority is a new post: every box is enrolled anew."""
BOX_DAYS: Final = 800
"""Two yearly visits of a technician, and two months to be late."""
SKEW: Final = dt.timedelta(days=1)
"""Before a first contact with a time server, a box's clock may be anywhere near."""
MAX_STATE_BYTES: Final = 64 * 1024


class _Member(msgspec.Struct, frozen=True, kw_only=True):
    signing_key: Hex32
    until: dt.datetime


class _State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: int
    post: str
    hub: Word
    members: dict[Word, _Member]


class PostAuthority:
    """One post's authority, open in its folder."""

    def __init__(
        self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, state: _State
    ) -> None:
        self._folder = folder
        self._key = key
        self.certificate = certificate
        self._state = state

    @classmethod
    def create(cls, folder: Path, *, post: str, hub: str, now: dt.datetime) -> "PostAuthority":
        """A new one; where one is already nothing is changed.

        Raises:
            PostPaperError: there is one, or the names are none.
            OSError: it cannot be written.
        """
        if not 0 < len(post) <= 60 or not post.isprintable():
            raise PostPaperError("A post's name has at most 60 letters.")
        check_name(hub)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            with os.fdopen(
                os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(pem)
        except FileExistsError as error:
            raise PostPaperError(f"{folder} has an authority already; it is never overwritten.") from error
        end = now + dt.timedelta(days=AUTHORITY_DAYS)
        certificate = self_signed(f"Borne post {post}"[:64], key, begin=now - SKEW, end=end)
        write_whole(folder / CERTIFICATE_FILE, pem_of(certificate).encode(), mode=0o644)
        authority = cls(folder, key, certificate, _State(number=1, post=post, hub=hub, members={}))
        authority._keep(authority._state)
        return authority

    @classmethod
    def open(cls, folder: Path) -> "PostAuthority":
        """Raises:
        PostPaperError: there is none, or others can read its key.
        """
        try:
            if (folder / KEY_FILE).stat().st_mode & 0o077:
                raise PostPaperError(f"Others can read {folder / KEY_FILE}; chmod 600 it, and think who has.")
            key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())
            with (folder / STATE_FILE).open("rb") as file:
                state = msgspec.json.decode(file.read(MAX_STATE_BYTES), type=_State)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            if isinstance(error, PostPaperError):
                raise
            raise PostPaperError(
                f"{folder} holds no post's authority; `borne post init` makes one."
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise PostPaperError(f"The key in {folder} is not its certificate's.")
        return cls(folder, key, certificate, state)

    @property
    def post(self) -> str:
        return self._state.post

    @property
    def hub(self) -> str:
        return self._state.hub

    @property
    def letters(self) -> str:
        """What a technician compares when a box installs its first paper."""
        return authority_letters(self.certificate)

    @property
    def members(self) -> dict[str, dt.datetime]:
        """Until when each box's certificate counts."""
        return {name: member.until for name, member in sorted(self._state.members.items())}

    def enrol(
        self,
        request: Request,
        csr: x509.CertificateSigningRequest,
        *,
        now: dt.datetime,
        days: int = BOX_DAYS,
        changed_key: bool = False,
    ) -> bytes:
        """The paper for this box; it is a member from now on. The same to renew its certificate.

        Raises:
            PostPaperError: it has another signing key than before, and nobody says that this is right; or the
                authority itself has not long enough to live.
        """
        known = self._state.members.get(request.device)
        if known is not None and known.signing_key != request.signing_key and not changed_key:
            raise PostPaperError(
                f"{request.device} has another signing key than before; if it was changed, say --changed-key."
            )
        if known is None and len(self._state.members) >= MAX_MEMBERS:
            raise PostPaperError(f"A post has at most {MAX_MEMBERS} boxes.")
        if now >= self.certificate.not_valid_after_utc:
            raise PostPaperError("This authority has come to its end: make a new one, for all boxes.")
        if not 1 <= days <= AUTHORITY_DAYS:
            raise PostPaperError(f"A certificate counts for 1 to {AUTHORITY_DAYS} days.")
        certificate = issue(
            csr,
            request.device,
            hub=request.device == self.hub,
            ca=self.certificate,
            key=self._key,
            begin=now - SKEW,
            end=now + dt.timedelta(days=days),
        )
        member = _Member(signing_key=request.signing_key, until=certificate.not_valid_after_utc)
        self._become(self._state.members | {request.device: member})
        return self._paper(device=request.device, certificate=pem_of(certificate))

    def put_out(self, device: str) -> None:
        """This box is a member no more, in every list from now on.

        Raises:
            PostPaperError: it is none.
        """
        if device not in self._state.members:
            raise PostPaperError(f"{device} is no box of this post.")
        self._become({name: one for name, one in self._state.members.items() if name != device})

    def list_for_all(self) -> bytes:
        """The paper that says who belongs to the post now."""
        return self._paper()

    def _paper(self, *, device: str | None = None, certificate: str | None = None) -> bytes:
        state = self._state
        paper = Paper(
            number=state.number,
            post=state.post,
            hub=state.hub,
            members={name: member.signing_key for name, member in sorted(state.members.items())},
            device=device,
            certificate=certificate,
        )
        return sign_paper(paper, self.certificate, self._key)

    def _become(self, members: dict[str, _Member]) -> None:
        self._keep(msgspec.structs.replace(self._state, number=self._state.number + 1, members=members))

    def _keep(self, state: _State) -> None:
        write_whole(self._folder / STATE_FILE, msgspec.json.format(msgspec.json.encode(state)))
        self._state = state
