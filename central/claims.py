"""Claims: the right of one box of one name to enrol, once.

A claim is a file named by its token's hash, so that the folder gives no token away. What a box has asked with
it (`.request`) is made by one link(2), which only the first can do: from then on the claim is that box's. The
answer lies beside it (`.answer`) and is given to that box again, as often as a bad line makes it ask.
"""

import base64
import contextlib
import datetime as dt
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from appliance.contracts.provisioning import Request, fingerprint, to_be_proved, token_hash
from appliance.contracts.wire import check_name
from appliance.whole_files import write_whole

TOKEN_BYTES: Final = 24
REQUEST, ANSWER, SPENT, REFUSED = ".request", ".answer", ".spent", ".refused"


class EnrolError(ValueError):
    """Why a box is not enrolled, in one plain sentence."""


class Refused(EnrolError):
    """The same for the box: `code` as `DoorWord` has it; an `alarm` is for central's operator too."""

    def __init__(self, code: str, sentence: str, *, alarm: str = "", device: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.alarm = alarm
        self.device = device


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came by network, and how far it is."""

    request: Request
    """Its token is the token's hash."""
    path: Path
    since: dt.datetime

    @property
    def state(self) -> str:
        """waits, answered or refused."""
        if self.path.with_suffix(ANSWER).exists():
            return "answered"
        return "refused" if self.path.with_suffix(REFUSED).exists() else "waits"


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    device: str
    expires: dt.datetime
    unattended: bool = False


def make_claim(folder: Path, device: str, *, hours: float, now: dt.datetime, unattended: bool = False) -> str:
    """A new token for a box of this name; `unattended`: the door answers it without a person's word."""
    check_name(device)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = base64.urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=")
    claim = {"device": device, "expires": (now + dt.timedelta(hours=hours)).isoformat()}
    path = folder / token_hash(token)
    path.write_text(json.dumps(claim | ({"unattended": True} if unattended else {})), "ascii")
    return token


def take_claim(folder: Path, request: Request, *, now: dt.datetime) -> None:
    """Spend the token of a request that came on a card.

    Raises:
        EnrolError: there is none, it is spent or over, or it is for another name.
    """
    path = folder / token_hash(request.token)
    bound = path.with_suffix(REQUEST)
    if bound.exists() and not _same(_read(bound), request):
        raise EnrolError(
            f"Another box has asked with this token by network (fingerprint {fingerprint(_read(bound))}): "
            "one of the two is a stranger's. Make a new claim."
        )
    try:
        said = _claim_at(path)
    except FileNotFoundError as error:
        raise EnrolError("The token is not known here, or is spent: make a new claim.") from error
    if said.device != request.device:
        raise EnrolError(f"The token is for {said.device}, not for {request.device}.")
    if said.expires < now:
        raise EnrolError("The token is over: make a new claim.")
    _spend(path)


def present(folder: Path, request: Request, *, now: dt.datetime) -> tuple[Path, bool]:
    """A box asks by network: the place of its request, and whether its claim wants no person's word.

    Raises:
        Refused: with an alarm where a token is in the hands of two, or of the wrong one.
    """
    path = folder / token_hash(request.token)
    bound = path.with_suffix(REQUEST)
    if bound.exists():
        return _again(bound, path, request)
    try:
        said = _claim_at(path)
    except FileNotFoundError as error:
        if path.with_suffix(SPENT).exists():
            raise _used(request, "by a box whose request came on a card") from error
        raise Refused("unknown_token", "Central knows no such claim: ask for a new one.") from error
    if said.device != request.device:
        raise Refused(
            "other_name",
            f"The claim is for another name than {request.device}: ask for a new one.",
            alarm=f"The token of {said.device} was shown by a box that calls itself {request.device}.",
            device=said.device,
        )
    if said.expires < now:
        raise Refused("token_over", "The claim is over: ask central for a new one.")
    check_proof(request)
    csr_of(request)
    kept = msgspec.structs.replace(request, token=token_hash(request.token))
    draft = folder / f".{path.name}.{secrets.token_hex(8)}"
    write_whole(draft, msgspec.json.encode(kept))
    try:
        os.link(draft, bound)
    except FileExistsError:
        return _again(bound, path, request)
    finally:
        draft.unlink()
    return bound, said.unattended


def check_proof(request: Request) -> None:
    """Whoever asks has the signing key that it asks for.

    Raises:
        Refused: it cannot prove that.
    """
    words = to_be_proved(
        request.device, token_hash(request.token), request.signing_key, request.sealing_key, request.key_tier
    )
    try:
        VerifyKey(bytes.fromhex(request.signing_key)).verify(words, bytes.fromhex(request.proof or ""))
    except (BadSignatureError, ValueError, TypeError) as error:
        raise Refused("not_a_request", "The request is not signed by the key that it asks for.") from error


def csr_of(request: Request) -> x509.CertificateSigningRequest:
    """The request's certificate request, which its own key has signed.

    Raises:
        Refused: it is none, or for another name.
    """
    try:
        csr = x509.load_pem_x509_csr(request.csr.encode())
    except ValueError as error:
        raise Refused("not_a_request", "The certificate request is none.") from error
    names = [name.value for name in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not isinstance(csr.public_key(), ec.EllipticCurvePublicKey) or not csr.is_signature_valid:
        raise Refused("not_a_request", "The certificate request is not this box's.")
    if names != [request.device]:
        raise Refused("not_a_request", "The certificate request is not this box's.")
    return csr


def asked(folder: Path) -> list[Asked]:
    """Every request that came by network, the oldest first."""
    found = [
        Asked(_read(path), path, dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC))
        for path in folder.glob(f"*{REQUEST}")
    ]
    return sorted(found, key=lambda one: one.since)


def waiting_request(folder: Path, device: str) -> Asked:
    """The one request of this name that waits for a person's word.

    Raises:
        EnrolError: there is none.
    """
    waits = [one for one in asked(folder) if one.request.device == device and one.state == "waits"]
    if not waits:
        raise EnrolError(f"No box has asked for the name {device} by network, or it was answered.")
    return waits[-1]


def keep_answer(bound: Path, answer: bytes) -> None:
    """The answer for the box that has asked; the claim is spent."""
    write_whole(bound.with_suffix(ANSWER), answer)
    with contextlib.suppress(EnrolError):  # the same box, twice in one moment
        _spend(bound.with_suffix(""))


def refuse(bound: Path) -> None:
    """A person has said no: nobody is enrolled with this claim any more."""
    write_whole(bound.with_suffix(REFUSED), b"")
    bound.with_suffix("").unlink(missing_ok=True)


def answer_at(bound: Path) -> bytes | None:
    """The answer, where there is one.

    Raises:
        Refused: a person has said no.
    """
    if bound.with_suffix(REFUSED).exists():
        raise Refused(
            "token_used", "Central has refused this box: its fingerprint was another. Call central."
        )
    try:
        return bound.with_suffix(ANSWER).read_bytes()
    except FileNotFoundError:
        return None


def _again(bound: Path, path: Path, request: Request) -> tuple[Path, bool]:
    before = _read(bound)
    if not _same(before, request):
        raise _used(request, f"by a box with the fingerprint {fingerprint(before)}")
    try:
        return bound, _claim_at(path).unattended
    except FileNotFoundError:
        return bound, False  # spent: its answer is there


def _used(request: Request, by: str) -> Refused:
    return Refused(
        "token_used",
        f"This claim was used already, {by}. If that was not this box, a stranger has it: call central now.",
        alarm=f"A second box asked with the token of {request.device} (fingerprint {fingerprint(request)}); "
        f"it was used before, {by}. One of the two is a stranger's.",
        device=request.device,
    )


def _same(one: Request, other: Request) -> bool:
    return (one.device, one.signing_key, one.sealing_key, one.csr) == (
        other.device, other.signing_key, other.sealing_key, other.csr,
    )  # fmt: skip


def _claim_at(path: Path) -> _Claim:
    return msgspec.json.decode(path.read_bytes(), type=_Claim)


def _read(bound: Path) -> Request:
    return msgspec.json.decode(bound.read_bytes(), type=Request)


def _spend(path: Path) -> None:
    try:
        os.rename(path, path.with_suffix(SPENT))
    except FileNotFoundError as error:
        raise EnrolError("The token was spent just now.") from error
