"""A box's folder for its post: its key and certificate, the authority, and who belongs to the post.

The key is made here and never leaves. Key and certificate are one file, so that a power cut never leaves a
key beside another's certificate.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nacl.signing import VerifyKey

from appliance.key_files import key_text
from appliance.post_papers import (
    Paper,
    PostPaperError,
    Request,
    authority_letters,
    certificate_of,
    pem_of,
    read_paper,
    same_letters,
)
from appliance.whole_files import sync_folder, write_whole

PAIR, AUTHORITY, NEXT_KEY, NUMBER = "box.pem", "post-ca.pem", "next.key", "number"
MEMBERS: Final = "members"
SUFFIX: Final = ".signing.pub"
GROUP_READS: Final = 0o640
"""uplink's group reads the key that it serves with."""


@dataclass(frozen=True, slots=True)
class PostState:
    """What a box has of its post."""

    device: str
    server: bool
    """It is the hub."""
    until: dt.datetime
    authority_until: dt.datetime
    letters: str
    """Of the authority."""
    number: int
    members: tuple[str, ...]


class PostHome:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def request(self, device: str, signing: VerifyKey) -> Request:
        """Ask for a certificate, with a key that is made for it; the present one goes on until the answer is
        installed.

        Raises:
            OSError: the key is not on disk.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        key = ec.generate_private_key(ec.SECP256R1())
        write_whole(self._folder / NEXT_KEY, _pem(key))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        text = csr.public_bytes(serialization.Encoding.PEM).decode("ascii")
        return Request(device=device, signing_key=bytes(signing).hex(), csr=text)

    def install(self, file: Path, *, device: str, letters: str | None) -> Paper:
        """Take a paper of the post's authority: this box's certificate, or the list of members.

        `letters` are the authority's, as a person has compared them; needed once, and when it is another.

        Raises:
            PostPaperError: it is not the authority's, older than what this box has, or not for this box.
            OSError: it is not on disk.
        """
        paper, ca = read_paper(file)
        self._know(ca, letters)
        if paper.number < self._number:
            raise PostPaperError("The paper is older than one that this box has had.")
        if paper.certificate is not None and paper.device == device:
            key = self._asked()
            public = key.public_key()
            certificate = certificate_of(paper, ca, device=device, public=public)
            pair = _pem(key) + certificate.encode()
            write_whole(self._folder / PAIR, pair, mode=GROUP_READS)
        elif not (self._folder / PAIR).exists():
            raise PostPaperError("This box has no certificate of its post yet: its own paper comes first.")
        write_whole(self._folder / AUTHORITY, pem_of(ca).encode(), mode=0o644)
        self._take_members(paper)
        write_whole(self._folder / NUMBER, str(paper.number).encode(), mode=0o644)
        if paper.certificate is not None and paper.device == device:
            (self._folder / NEXT_KEY).unlink(missing_ok=True)
        return paper

    def state(self) -> PostState:
        """What is there.

        Raises:
            PostPaperError: nothing, or it is damaged.
        """
        try:
            certificate = x509.load_pem_x509_certificate((self._folder / PAIR).read_bytes())
            ca = x509.load_pem_x509_certificate((self._folder / AUTHORITY).read_bytes())
            usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except (OSError, ValueError, x509.ExtensionNotFound) as error:
            raise PostPaperError(f"{self._folder} holds no certificate of a post.") from error
        return PostState(
            device=str(name.value),
            server=ExtendedKeyUsageOID.SERVER_AUTH in usage,
            until=certificate.not_valid_after_utc,
            authority_until=ca.not_valid_after_utc,
            letters=authority_letters(ca),
            number=self._number,
            members=tuple(sorted(file.name.removesuffix(SUFFIX) for file in self._member_files())),
        )

    def _know(self, ca: x509.Certificate, letters: str | None) -> None:
        own = authority_letters(ca)
        if letters is not None:
            if not same_letters(letters, own):
                raise PostPaperError(f"The paper's authority is another: its letters are {own}.")
            return
        try:
            known = x509.load_pem_x509_certificate((self._folder / AUTHORITY).read_bytes())
        except (OSError, ValueError) as error:
            raise PostPaperError(
                f"This box knows no authority yet: compare its letters, {own}, and say --authority."
            ) from error
        if known != ca:
            raise PostPaperError(
                f"The paper is another authority's: compare its letters, {own}, and say --authority."
            )

    def _asked(self) -> ec.EllipticCurvePrivateKey:
        """The key that this box has asked with; that of its pair, when the paper is installed once more."""
        for name in (NEXT_KEY, PAIR):
            try:
                key = serialization.load_pem_private_key((self._folder / name).read_bytes(), None)
            except FileNotFoundError:
                continue
            except ValueError as error:
                raise PostPaperError(f"{self._folder / name} holds no key.") from error
            if isinstance(key, ec.EllipticCurvePrivateKey):
                return key
        raise PostPaperError("This box has asked for nothing: `borne post request` comes first.")

    def _take_members(self, paper: Paper) -> None:
        """Those who were put out go first."""
        folder = self._folder / MEMBERS
        folder.mkdir(exist_ok=True, mode=0o755)
        for file in self._member_files():
            if file.name.removesuffix(SUFFIX) not in paper.members:
                file.unlink()
        sync_folder(folder)
        for name, key in paper.members.items():
            text = key_text(VerifyKey(bytes.fromhex(key))).encode()
            write_whole(folder / f"{name}{SUFFIX}", text, mode=0o644)

    def _member_files(self) -> list[Path]:
        return sorted((self._folder / MEMBERS).glob(f"*{SUFFIX}"))

    @property
    def _number(self) -> int:
        try:
            return int((self._folder / NUMBER).read_text("ascii"))
        except (OSError, ValueError):
            return 0


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
