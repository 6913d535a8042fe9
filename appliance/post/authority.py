"""The authority of one post: a folder with its key, who belongs to the post, and what was handed out.

It is made for this post alone and vouches for no one else. A certificate opens the hub's door; who is
believed behind it is a member. A member is put out by a new list, with a new index key for those who stay.
"""

import datetime as dt
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.public import PublicKey

from appliance.contracts.provisioning import Hex32, Word
from appliance.contracts.wire import check_name
from appliance.key_files import HashingKey
from appliance.post.index_keys import MAX_INDEX_KEYS, seal_index
from appliance.post.items import MAX_DAYS
from appliance.post.papers import (
    MAX_MEMBERS,
    MemberKeys,
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
    keys: MemberKeys
    until: dt.datetime


class _IndexKey(msgspec.Struct, frozen=True, kw_only=True):
    key: Hex32
    until: dt.datetime | None = None
    """When the last entry under it is over; None: it is the present one."""


class _State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: int
    post: str
    hub: Word
    members: dict[Word, _Member]
    index: tuple[_IndexKey, ...]
    """The present one first."""


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
        state = _State(number=1, post=post, hub=hub, members={}, index=(_new_index_key(),))
        authority = cls(folder, key, certificate, state)
        authority._keep(state)
        return authority

    @classmethod
    def open(cls, folder: Path) -> "PostAuthority":
        """Raises:
        PostPaperError: there is none, it is an older version's, or others can read its keys.
        """
        try:
            for secret in (folder / KEY_FILE, folder / STATE_FILE):
                if secret.stat().st_mode & 0o077:
                    raise PostPaperError(f"Others can read {secret}; chmod 600 it, and think who has.")
            key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), None)
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE_FILE).read_bytes())
            with (folder / STATE_FILE).open("rb") as file:
                state = msgspec.json.decode(file.read(MAX_STATE_BYTES), type=_State)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            if isinstance(error, PostPaperError):
                raise
            raise PostPaperError(
                f"{folder} holds no post's authority, or an older version's, without sealing keys: "
                "`borne post init` makes one in a new folder, and every box asks it."
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
            PostPaperError: it has another key than before, and nobody says that this is right; it cannot be
                sealed to; or the authority itself has not long enough to live.
        """
        known = self._state.members.get(request.device)
        keys = MemberKeys(signing=request.signing_key, sealing=request.sealing_key)
        if known is not None and known.keys != keys and not changed_key:
            raise PostPaperError(
                f"{request.device} has another signing or sealing key than before; "
                "if it was changed, say --changed-key."
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
        member = _Member(keys=keys, until=certificate.not_valid_after_utc)
        self._become(self._state.members | {request.device: member}, self._state.index)
        return self._paper(device=request.device, certificate=pem_of(certificate))

    def put_out(self, device: str, *, now: dt.datetime) -> None:
        """This box is a member no more, in every list from now on, and has not the new index key.

        Raises:
            PostPaperError: it is none.
        """
        if device not in self._state.members:
            raise PostPaperError(f"{device} is no box of this post.")
        present, *before = self._state.index
        ended = msgspec.structs.replace(present, until=now + dt.timedelta(days=MAX_DAYS))
        living = [one for one in (ended, *before) if one.until is None or one.until > now]
        self._become(
            {name: one for name, one in self._state.members.items() if name != device},
            (_new_index_key(), *living)[:MAX_INDEX_KEYS],
        )

    def list_for_all(self) -> bytes:
        """The paper that says who belongs to the post now."""
        return self._paper()

    def _paper(self, *, device: str | None = None, certificate: str | None = None) -> bytes:
        state = self._state
        index = tuple(HashingKey(bytes.fromhex(one.key)) for one in state.index)
        members = {name: member.keys for name, member in sorted(state.members.items())}
        paper = Paper(
            number=state.number,
            post=state.post,
            hub=state.hub,
            members=members,
            index={
                name: seal_index(index, PublicKey(bytes.fromhex(keys.sealing)))
                for name, keys in members.items()
                if device in (None, name)
            },
            device=device,
            certificate=certificate,
        )
        return sign_paper(paper, self.certificate, self._key)

    def _become(self, members: dict[str, _Member], index: tuple[_IndexKey, ...]) -> None:
        number = self._state.number + 1
        self._keep(msgspec.structs.replace(self._state, number=number, members=members, index=index))

    def _keep(self, state: _State) -> None:
        write_whole(self._folder / STATE_FILE, msgspec.json.format(msgspec.json.encode(state)))
        self._state = state


def _new_index_key() -> _IndexKey:
    return _IndexKey(key=secrets.token_bytes(HashingKey.SIZE).hex())
