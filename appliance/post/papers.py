"""What a box and its post's own authority give each other, on a stick in the technician's hand.

A box asks with its public halves: the key of the certificate that it wants, its signing key and its sealing
key. The authority answers with a certificate, and with both keys of all of the post's boxes, signed by
itself; the post's index key it seals to each box. What can be read is not secret; that it was not changed on
the way, two people hold against each other's screens: 16 letters of each.
"""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.contracts.provisioning import Hex32, Pem, Word
from appliance.contracts.wire import WireError, check_name
from appliance.post.items import MAX_BOXES

VERSION: Final = 2
"""1 had no sealing keys."""
MAX_FILE_BYTES: Final = 64 * 1024
MAX_MEMBERS: Final = MAX_BOXES
REQUEST_SUFFIX, PAPER_SUFFIX = ".post-request.json", ".post.json"
MEMBERS_FILE: Final = f"members{PAPER_SUFFIX}"


Sealed = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2}){48,1024}\Z")]


class PostPaperError(ValueError):
    """Why a paper of the post is not taken, in one plain sentence."""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a box asks of its post's authority."""

    version: int = VERSION
    device: Word
    signing_key: Hex32
    sealing_key: Hex32
    csr: Pem
    """PKCS #10 (RFC 2986), P-256."""


class MemberKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A box's public halves: what it signs with (Ed25519), and what is sealed to it (X25519)."""

    signing: Hex32
    sealing: Hex32


class Paper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the authority says: who belongs to the post, and, to one box, its certificate."""

    version: int = VERSION
    number: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    """Of this state of the post: grows with each change, and an older one is not taken any more."""
    post: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    hub: Word
    members: Annotated[dict[Word, MemberKeys], msgspec.Meta(max_length=MAX_MEMBERS)]
    index: Annotated[dict[Word, Sealed], msgspec.Meta(max_length=MAX_MEMBERS)]
    """The post's index keys by box, sealed to it: in a list for all, of every box; else of `device` alone."""
    device: Word | None = None
    """Whose certificate it is; None: a list for all."""
    certificate: Pem | None = None


class _AnyVersion(msgspec.Struct, frozen=True):
    """What is looked at before anything else."""

    version: int


class _Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The paper's text as it was signed, and by whom."""

    paper: Annotated[str, msgspec.Meta(max_length=MAX_FILE_BYTES)]
    ca: Pem
    signature: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2}){8,80}\Z")]
    """ECDSA with SHA-256 (FIPS 186-5), by the authority's key, over the text."""


def read_request(path: Path) -> tuple[Request, x509.CertificateSigningRequest]:
    """A box's request.

    Raises:
        PostPaperError: it is none, of another version, or not signed by its own key.
        OSError: it cannot be read.
    """
    try:
        data = _bounded(path)
        _check_version(data, "request")
        request = msgspec.json.decode(data, type=Request)
        check_name(request.device)
        csr = x509.load_pem_x509_csr(request.csr.encode())
    except PostPaperError:
        raise
    except (msgspec.MsgspecError, WireError, ValueError, RecursionError) as error:
        raise PostPaperError(f"{path} is no request of a box.") from error
    public = csr.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        raise PostPaperError("The request is for a key of another kind than P-256.")
    if not csr.is_signature_valid or _name(csr.subject) != request.device:
        raise PostPaperError("The request is not signed by its own key, or is for another name.")
    return request, csr


def sign_paper(paper: Paper, ca: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The paper as a file."""
    text = msgspec.json.encode(paper)
    signed = _Signed(
        paper=text.decode(),
        ca=pem_of(ca),
        signature=key.sign(text, ec.ECDSA(hashes.SHA256())).hex(),
    )
    return msgspec.json.format(msgspec.json.encode(signed), indent=1) + b"\n"


def read_paper(path: Path) -> tuple[Paper, x509.Certificate]:
    """The paper and the authority that it says is its own: whoever relies on it knows that one's letters.

    Raises:
        PostPaperError: it is none, of another version, or its authority has not signed it.
        OSError: it cannot be read.
    """
    return paper_of(_bounded(path), str(path))


def paper_of(data: bytes, name: str) -> tuple[Paper, x509.Certificate]:
    """The same of bytes that were read; `name` is what complaints call them.

    Raises:
        PostPaperError: as `read_paper`.
    """
    try:
        signed = msgspec.json.decode(data, type=_Signed)
        ca = x509.load_pem_x509_certificate(signed.ca.encode())
        _check_version(signed.paper, "paper")
        paper = msgspec.json.decode(signed.paper, type=Paper)
        for box in (paper.hub, *paper.members):
            check_name(box)
    except PostPaperError:
        raise
    except (msgspec.MsgspecError, WireError, ValueError, RecursionError) as error:
        raise PostPaperError(f"{name} is no paper of a post's authority.") from error
    public = ca.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise PostPaperError("The authority's key is of another kind.")
    try:
        public.verify(bytes.fromhex(signed.signature), signed.paper.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise PostPaperError("The paper is not signed by the authority that it names.") from error
    return paper, ca


def certificate_of(
    paper: Paper, ca: x509.Certificate, *, device: str, public: ec.EllipticCurvePublicKey
) -> str:
    """The certificate in the paper, held against what this box asked for.

    Raises:
        PostPaperError: it is another box's, of another key, or not of this authority.
    """
    try:
        certificate = x509.load_pem_x509_certificate((paper.certificate or "").encode())
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise PostPaperError("The paper holds no certificate of its authority.") from error
    if paper.device != device or _name(certificate.subject) != device:
        raise PostPaperError(f"The certificate is for {paper.device}, and this box is {device}.")
    if certificate.public_key() != public:
        raise PostPaperError("The certificate is for another key: this box has asked again since.")
    return pem_of(certificate)


def issue(
    csr: x509.CertificateSigningRequest,
    device: str,
    *,
    hub: bool,
    ca: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    begin: dt.datetime,
    end: dt.datetime,
) -> x509.Certificate:
    """A server's certificate for the hub, a client's for every other box: none can stand in for the hub."""
    usage = ExtendedKeyUsageOID.SERVER_AUTH if hub else ExtendedKeyUsageOID.CLIENT_AUTH
    return (
        _builder(
            device, csr.public_key(), issuer=ca.subject, begin=begin, end=min(end, ca.not_valid_after_utc)
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def self_signed(
    name: str, key: ec.EllipticCurvePrivateKey, *, begin: dt.datetime, end: dt.datetime
) -> x509.Certificate:
    """The authority's own: it vouches for boxes, and for no other authority."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        _builder(name, key.public_key(), issuer=subject, begin=begin, end=end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def request_letters(request: Request) -> str:
    """What a technician reads from the box's screen to whoever holds the authority: 16 letters in fours."""
    return _letters(f"{request.device} {request.signing_key} {request.sealing_key} {request.csr}".encode())


def authority_letters(ca: x509.Certificate) -> str:
    """The same of the authority."""
    return _letters(ca.public_bytes(serialization.Encoding.DER))


def same_letters(said: str, own: str) -> bool:
    """Whatever the blanks and the case."""
    return "".join(said.split()).upper() == "".join(own.split())


def pem_of(certificate: x509.Certificate) -> str:
    """As text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _builder(
    name: str, public: object, *, issuer: x509.Name, begin: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _letters(data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()[:16].upper()
    return " ".join(digest[at : at + 4] for at in range(0, 16, 4))


def _name(subject: x509.Name) -> str:
    names = [str(name.value) for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return names[0] if len(names) == 1 else ""


def _check_version(data: bytes | str, what: str) -> None:
    """Raises:
    PostPaperError: another version of `borne` wrote it.
    msgspec.MsgspecError: it does not say.
    """
    version = msgspec.json.decode(data, type=_AnyVersion).version
    if version != VERSION:
        raise PostPaperError(
            f"The {what} is of version {version}, and this box knows {VERSION}: "
            "the same software at the authority and on every box, then begin again with `borne post request`."
        )


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PostPaperError(f"{path} is larger than {MAX_FILE_BYTES} bytes.")
    return data
