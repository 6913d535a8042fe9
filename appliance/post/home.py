"""A box's folder for its post: its key and certificate, the authority, and who belongs to the post.

The key is made here and never leaves; until it is certified it lies in a folder that no service may open. Key
and certificate are one file, so that a power cut never leaves a key beside another's certificate. A cut
between two files is mended by installing the same paper once more.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nacl.public import PrivateKey, PublicKey
from nacl.signing import VerifyKey

from appliance.key_files import HashingKey, key_text
from appliance.post.index_keys import Keeper, open_index, write_index
from appliance.post.members import SEALING_SUFFIX, SUFFIX
from appliance.post.papers import (
    Paper,
    PostPaperError,
    Request,
    authority_letters,
    certificate_of,
    pem_of,
    read_paper,
    same_letters,
)
from appliance.whole_files import as_owner_of, sync_folder, write_whole

PAIR, AUTHORITY, NUMBER = "box.pem", "post-ca.pem", "number"
NEXT_KEY, REQUEST = "next.key", "request.json"
ASKED: Final = "-asked"
"""What the folder's name has behind it where the two lie: beside it, so that systemd-tmpfiles can make it."""
MEMBERS: Final = "members"
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
        self._asks = folder.with_name(folder.name + ASKED)

    def request(self, device: str, signing: VerifyKey, sealing: PublicKey) -> Request:
        """Ask for a certificate, with a key that is made for it; the present one goes on until the answer is
        installed.

        Raises:
            OSError: the key is not on disk.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        text = csr.public_bytes(serialization.Encoding.PEM).decode("ascii")
        request = Request(
            device=device, signing_key=bytes(signing).hex(), sealing_key=bytes(sealing).hex(), csr=text
        )
        self._asks.mkdir(exist_ok=True, mode=0o700)
        with as_owner_of(self._asks):
            write_whole(self._asks / NEXT_KEY, _pem(key))
            write_whole(self._asks / REQUEST, msgspec.json.encode(request))
        return request

    def standing_request(self, device: str, signing: VerifyKey, sealing: PublicKey) -> Request:
        """What this box has asked and has had no answer to, so that an answer on its way stays good; it asks
        anew where it has not, or has other keys since.

        Raises:
            OSError: the key is not on disk.
        """
        try:
            request = msgspec.json.decode((self._asks / REQUEST).read_bytes(), type=Request)
            key = serialization.load_pem_private_key((self._asks / NEXT_KEY).read_bytes(), None)
            csr = x509.load_pem_x509_csr(request.csr.encode())
            same = csr.public_key() == key.public_key()
        except (OSError, ValueError, msgspec.MsgspecError):
            return self.request(device, signing, sealing)
        own = (device, bytes(signing).hex(), bytes(sealing).hex())
        if same and own == (request.device, request.signing_key, request.sealing_key):
            return request
        return self.request(device, signing, sealing)

    def holds(self, paper: Paper, ca: x509.Certificate) -> bool:
        """Whether this paper was installed: it says nothing new."""
        if paper.certificate is None:
            return paper.number == self._number_of(ca)
        try:
            pair = x509.load_pem_x509_certificate((self._folder / PAIR).read_bytes())
            return pair == x509.load_pem_x509_certificate(paper.certificate.encode())
        except (OSError, ValueError):
            return False

    def is_older(self, paper: Paper, ca: x509.Certificate) -> bool:
        """Whether this box has had a newer one of this authority."""
        return paper.number < self._number_of(ca)

    def install(
        self,
        file: Path,
        *,
        device: str,
        letters: str | None,
        sealing: PrivateKey,
        keys: Path,
        keeper: Keeper | None = None,
    ) -> Paper:
        """Take a paper of the post's authority: this box's certificate, or the list of members; and in both
        the post's index key, which `sealing` opens, into the lane's folder of `keys`, under what keeps the
        other keys there.

        `letters` are the authority's, as a person has compared them; needed once, and when it is another.
        Everything is looked at before anything is written, and the paper's number is written last.

        Raises:
            PostPaperError: it is not the authority's, older than what this box has, or not for this box.
            KeyFileError: the index key cannot be protected.
            OSError: it is not on disk.
        """
        paper, ca = read_paper(file)
        self._know(ca, letters)
        if self.is_older(paper, ca):
            raise PostPaperError("The paper is older than one that this box has had.")
        own = paper.certificate is not None and paper.device == device
        pair = b""
        if own:
            key = self._asked()
            pair = _pem(key) + certificate_of(paper, ca, device=device, public=key.public_key()).encode()
        elif not (self._folder / PAIR).exists():
            raise PostPaperError("This box has no certificate of its post yet: its own paper comes first.")
        index = _index_for(paper, device, sealing)
        with as_owner_of(self._folder):
            if own:
                write_whole(self._folder / PAIR, pair, mode=GROUP_READS)
            write_whole(self._folder / AUTHORITY, pem_of(ca).encode(), mode=0o644)
            self._take_members(paper)
        write_index(keys, index, keeper)
        with as_owner_of(self._folder):
            number = f"{paper.number} {authority_letters(ca)}\n"
            write_whole(self._folder / NUMBER, number.encode(), mode=0o644)
        if own:
            for name in (REQUEST, NEXT_KEY):
                (self._asks / name).unlink(missing_ok=True)
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
            number=self._number_of(ca),
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
        for file in (self._asks / NEXT_KEY, self._folder / PAIR):
            try:
                key = serialization.load_pem_private_key(file.read_bytes(), None)
            except FileNotFoundError:
                continue
            except ValueError as error:
                raise PostPaperError(f"{file} holds no key.") from error
            if isinstance(key, ec.EllipticCurvePrivateKey):
                return key
        raise PostPaperError("This box has asked for nothing: `borne post request` comes first.")

    def _take_members(self, paper: Paper) -> None:
        """Those who were put out go first."""
        folder = self._folder / MEMBERS
        folder.mkdir(exist_ok=True, mode=0o755)
        for suffix in (SUFFIX, SEALING_SUFFIX):
            for file in folder.glob(f"*{suffix}"):
                if file.name.removesuffix(suffix) not in paper.members:
                    file.unlink()
        sync_folder(folder)
        for name, keys in paper.members.items():
            signing, sealing = (bytes.fromhex(key) for key in (keys.signing, keys.sealing))
            write_whole(folder / f"{name}{SEALING_SUFFIX}", _text(PublicKey(sealing)), mode=0o644)
            write_whole(folder / f"{name}{SUFFIX}", _text(VerifyKey(signing)), mode=0o644)

    def _member_files(self) -> list[Path]:
        return sorted((self._folder / MEMBERS).glob(f"*{SUFFIX}"))

    def _number_of(self, ca: x509.Certificate) -> int:
        """Of the newest paper of this authority; 0: there was none, a new one counts from the beginning."""
        try:
            number, _, letters = (self._folder / NUMBER).read_text("ascii").partition(" ")
            return int(number) if letters.strip() == authority_letters(ca) else 0
        except (OSError, ValueError):
            return 0


def _index_for(paper: Paper, device: str, sealing: PrivateKey) -> tuple[HashingKey, ...]:
    if device not in paper.members:
        raise PostPaperError(f"{device} does not belong to this post any more; nothing is changed.")
    if device not in paper.index:
        raise PostPaperError(f"The paper is for {paper.device}, and this box is {device}.")
    return open_index(paper.index[device], sealing)


def _text(key: VerifyKey | PublicKey) -> bytes:
    return key_text(key).encode()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
