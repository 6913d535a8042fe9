"""Provisioning on the box: `device.toml` in, `request.json` out, `answer.cose` in, and a configuration.

Every file from the card is a stranger's: bounded, checked against its schema, and never run. What is wrong is
said in one sentence, on the console and back on the card (`status.txt`), with a code that the guide lists.
"""

import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nacl.public import PublicKey
from nacl.signing import VerifyKey

import appliance
from appliance.config import ConfigError, load_config
from appliance.contracts.provisioning import (
    ANSWER_FILE,
    ANSWER_TYPE,
    DEVICE_FILE,
    MAX_FILE_BYTES,
    PROVISIONING_KEY,
    REQUEST_FILE,
    SAID_FILE,
    STATUS_FILE,
    Answer,
    DoorWord,
    Errand,
    KeysMade,
    Request,
    Word,
    fingerprint,
    token_hash,
)
from appliance.cose import CONTENT_TYPE, CoseError, key_id, verify1
from appliance.key_files import write_key
from appliance.services.agent.device_file import CONFIGURATION, WANTED, Claim, DeviceFile, read_device_file
from appliance.services.agent.toml_text import toml_text

PROOF: Final = Path("public") / "proof.json"
"""Where the maker of the keys says what became of them."""
ASKING_PAGE: Final = "file:///run/borne-enrol/state.html"
ERRAND: Final = Path("tls") / "enrol.json"
"""What uplink's door errand reads: the folder's group is uplink's."""
SERIAL_NUMBERS: Final = (
    Path("/sys/firmware/devicetree/base/serial-number"),
    Path("/sys/class/dmi/id/product_uuid"),
)


class ProvisioningError(Exception):
    """Why the box is not provisioned: a code for the guide, and one plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class _Said(DoorWord, frozen=True, kw_only=True):
    token_hash: str


@dataclass(frozen=True, slots=True)
class Result:
    """Where provisioning stands after one look at the card."""

    code: str
    """asked (central must answer), done, unchanged (no file for us), or a problem's code."""
    sentence: str


class Provisioning:
    """One box's provisioning: `card` is the configuration partition, `identity` is /etc/borne, `answers` are
    the other folders in which central's answer may lie: what came by network, and a technician's stick."""

    def __init__(
        self,
        *,
        card: Path,
        identity: Path,
        serial: Callable[[], str] | None = None,
        answers: Sequence[Path] = (),
    ) -> None:
        self._card = card
        self._identity = identity
        self._serial = serial or hardware_serial
        self._answers = tuple(answers)
        self.asked: Request | None = None
        """What is asked of central, once there is a device.toml to ask for."""
        self.by_network = ""
        """Where uplink's page on its asking is, when it asks."""

    def look(self) -> Result:
        """Do what the card allows, and write on it what came of it. Never raises for a bad file."""
        try:
            result = self._look()
        except ProvisioningError as error:
            result = Result(error.code, str(error))
        if result.code != "unchanged":
            _replace(self._card / STATUS_FILE, f"{result.code}: {result.sentence}\r\n".encode())
        return result

    def _look(self) -> Result:
        configured = (self._identity / CONFIGURATION).exists()
        if not (self._card / DEVICE_FILE).exists():
            if configured:
                return Result("unchanged", "This box is provisioned.")
            raise ProvisioningError(
                "no_device_file", f"The card has no {DEVICE_FILE}; write it with `borne flash`."
            )
        try:
            device = read_device_file(self._card, self._identity)
        except ConfigError as error:
            raise ProvisioningError("bad_device_file", str(error)) from error
        request = self.asked = self._request(device)
        _replace(
            self._card / REQUEST_FILE, msgspec.json.format(msgspec.json.encode(request), indent=1) + b"\n"
        )
        self._write_errand(device.claim, request)
        answer = self._first_answer(device.claim, request)
        if answer is not None:
            self._install(answer, device.claim)
            # The token is spent: nothing of it stays on a card that can be pulled out.
            for name in (DEVICE_FILE, REQUEST_FILE, ANSWER_FILE):
                (self._card / name).unlink(missing_ok=True)
            for spent in (ERRAND, WANTED):
                (self._identity / spent).unlink(missing_ok=True)
            return Result("done", f"This box is {device.box.device} at {device.box.post}.")
        self._raise_refusal(request)
        by_network = f" It also goes to {device.claim.door} by itself." if device.claim.door else ""
        return Result(
            "asked",
            f"{REQUEST_FILE} is for central. Its fingerprint is {fingerprint(request)}: read it to them."
            f"{by_network}",
        )

    def _raise_refusal(self, request: Request) -> None:
        """What central's door said last of this very claim."""
        for folder in self._answers:
            try:
                with os.fdopen(os.open(folder / SAID_FILE, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                    said = msgspec.json.decode(file.read(MAX_FILE_BYTES) or b"", type=_Said)
            except (OSError, msgspec.MsgspecError):
                continue
            if said.token_hash == token_hash(request.token):
                raise ProvisioningError(said.code, said.sentence)

    def _write_errand(self, claim: Claim, request: Request) -> None:
        """What uplink carries to central's door; nothing where the claim names none."""
        path = self._identity / ERRAND
        if claim.door is None:
            path.unlink(missing_ok=True)
            return
        self.by_network = ASKING_PAGE
        errand = Errand(door=claim.door, pins=claim.pins, central_key=claim.central_key, request=request)
        _replace(path, msgspec.json.encode(errand), mode=0o640)

    def _first_answer(self, claim: Claim, request: Request) -> Answer | None:
        """The first that is ours; what is wrong with the card's own is said before what is elsewhere."""
        wrong: ProvisioningError | None = None
        elsewhere = (part for one in self._answers for part in (one, one / request.device))
        for folder in (self._card, *elsewhere):
            path = folder / ANSWER_FILE
            if not path.exists():
                continue
            try:
                return self._answer(path, claim, request)
            except ProvisioningError as error:
                wrong = wrong or error
        if wrong is not None:
            raise wrong
        return None

    def _request(self, device: DeviceFile) -> Request:
        made = self._keys_made(device)
        return Request(
            device=device.box.device,
            post=device.box.post,
            token=device.claim.token,
            signing_key=made.signing_key,
            sealing_key=made.sealing_key,
            csr=self._csr(device.box.device),
            hardware=self._serial(),
            key_tier=made.tier,
            software=appliance.__version__,
            proof=made.proof,
        )

    def _keys_made(self, device: DeviceFile) -> KeysMade:
        """What `provision keys` has made for this card's file."""
        try:
            with (self._identity / PROOF).open("rb") as file:
                made = msgspec.json.decode(file.read(MAX_FILE_BYTES), type=KeysMade)
        except (OSError, msgspec.MsgspecError) as error:
            raise ProvisioningError("no_keys", "The box's own keys are not there yet.") from error
        if made.token_hash != token_hash(device.claim.token):
            raise ProvisioningError("no_keys", "The box's own keys have not seen this card yet.")
        if made.problem:
            raise ProvisioningError("no_key_store", made.problem)
        return made

    def _csr(self, device: str) -> str:
        """The request for this name; its key is made once, and the same request is given again."""
        key_path, csr_path = self._identity / "tls" / "box.key", self._identity / "tls" / "box.csr"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
        if key_path.exists() and csr_path.exists():
            csr = x509.load_pem_x509_csr(csr_path.read_bytes())
            if csr.subject == subject:
                return csr_path.read_text("ascii")
        if key_path.exists():
            key = serialization.load_pem_private_key(key_path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            _replace(key_path, pem, mode=0o640)  # uplink's group reads it
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        _replace(csr_path, csr.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return csr_path.read_text("ascii")

    def _answer(self, path: Path, claim: Claim, request: Request) -> Answer:
        try:
            # Of a stick, so possibly a pipe: it is not waited for.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1) or b""
        except OSError as error:
            raise ProvisioningError(
                "bad_answer", f"{ANSWER_FILE} cannot be read ({error.strerror})."
            ) from error
        pinned = VerifyKey(bytes.fromhex(claim.central_key))
        try:
            header, payload = verify1(
                data, verify_key_for={key_id(pinned): pinned}.get, max_bytes=MAX_FILE_BYTES
            )
            answer = msgspec.json.decode(payload, type=Answer)
        except CoseError as error:
            raise ProvisioningError("foreign_answer", f"{ANSWER_FILE} is not central's: {error}") from error
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ProvisioningError("bad_answer", f"{ANSWER_FILE} is not understood: {error}.") from error
        if header.get(CONTENT_TYPE) != ANSWER_TYPE:
            raise ProvisioningError("bad_answer", f"{ANSWER_FILE} is signed, but is no answer.")
        if (answer.device, answer.signing_key) != (request.device, request.signing_key):
            raise ProvisioningError(
                "other_box", f"{ANSWER_FILE} is for another box or for keys that it had before."
            )
        _check_certificate(answer, request)
        return answer

    def _install(self, answer: Answer, claim: Claim) -> None:
        """The configuration last: as long as it is missing nothing starts, and all this is done again."""
        tls, central = self._identity / "tls", self._identity / "central"
        central.mkdir(exist_ok=True)
        central.chmod(0o755)  # public keys: lane reads them
        _replace(tls / "box.pem", answer.certificate.encode(), mode=0o644)
        _replace(tls / "ca.pem", answer.ca.encode(), mode=0o644)
        keys: dict[str, Path] = {}
        for name in ("sealing", "gateway_sealing"):
            if (said := getattr(answer, name)) is not None:
                keys[f"{name}_key"] = _write_public(central / f"{name}.pub", PublicKey(bytes.fromhex(said)))
        for name in ("watermark", "gateway_signing", "operator", "authority", "support"):
            if (said := getattr(answer, name)) is not None:
                keys[f"{name}_key"] = _write_public(central / f"{name}.pub", VerifyKey(bytes.fromhex(said)))
        # Whose answer this is may appoint supervisors (docs/wire/appointment.md); lane knows it by its place.
        _write_public(central / PROVISIONING_KEY, VerifyKey(bytes.fromhex(claim.central_key)))
        root = msgspec.json.encode(answer.reference_root)
        _replace(central / "reference-root.json", root, mode=0o644)
        keys["reference_root"] = central / "reference-root.json"
        tables = tomllib.loads((self._card / DEVICE_FILE).read_text("utf-8"))
        tables.pop("claim")
        tables["central"] = {name: str(path) for name, path in keys.items()}
        tables["broker"] = msgspec.to_builtins(answer.broker) | {
            "ca": str(tls / "ca.pem"), "certificate": str(tls / "box.pem"), "key": str(tls / "box.key"),
        }  # fmt: skip
        path = self._identity / CONFIGURATION
        draft = path.with_suffix(".draft")
        _replace(draft, toml_text(tables).encode(), mode=0o644)
        try:
            load_config(draft)
        except ConfigError as error:
            draft.unlink()
            raise ProvisioningError("bad_device_file", str(error)) from error
        os.replace(draft, path)
        _sync(path.parent)


def _check_certificate(answer: Answer, request: Request) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
        x509.load_pem_x509_certificate(answer.ca.encode())
    except ValueError as error:
        raise ProvisioningError(
            "bad_answer", f"{ANSWER_FILE} holds something other than certificates."
        ) from error
    asked = x509.load_pem_x509_csr(request.csr.encode())
    encoding = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*encoding) != asked.public_key().public_bytes(*encoding):
        raise ProvisioningError("other_box", "The certificate is not for this box's key.")
    names = [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [request.device]:
        raise ProvisioningError("other_box", "The certificate is for another name.")


def hardware_serial(places: tuple[Path, ...] = SERIAL_NUMBERS) -> str:
    """The board's serial number; `unknown` where it says none that is a word."""
    for place in places:
        try:
            said = place.read_bytes()[:128].strip(b"\0\n ").decode("ascii")
            return msgspec.convert(said, Word)
        except (OSError, UnicodeDecodeError, msgspec.ValidationError):
            continue
    return "unknown"


def _write_public(path: Path, key: PublicKey | VerifyKey) -> Path:
    path.unlink(missing_ok=True)  # central may have been given new keys
    write_key(path, key)
    path.chmod(0o644)  # whatever the umask: lane reads it
    return path


def _replace(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """A whole new file in its place, on the disk before this returns; a power cut leaves the old or the new.

    No `mode` on the card: a FAT has none.
    """
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)  # whatever the umask
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
