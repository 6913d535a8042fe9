"""Provisioning on the box: `device.toml` in, `request.json` out, `answer.cose` in, and a configuration.

Every file from the card is a stranger's: bounded, checked against its schema, and never run. What is wrong is
said in one sentence, on the console and back on the card (`status.txt`), with a code that the guide lists.
"""

import os
import tomllib
from collections.abc import Callable
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
from appliance.config import (
    Box,
    ConfigError,
    DeviceEntry,
    Kiosk,
    Retention,
    TimeSources,
    load_config,
    load_toml,
)
from appliance.contracts.provisioning import (
    ANSWER_FILE,
    ANSWER_TYPE,
    DEVICE_FILE,
    MAX_FILE_BYTES,
    REQUEST_FILE,
    STATUS_FILE,
    Answer,
    Hex32,
    Request,
    Token,
    Word,
    fingerprint,
)
from appliance.cose import CONTENT_TYPE, CoseError, key_id, verify1
from appliance.face_settings import FaceSettings
from appliance.finger_settings import FingerSettings
from appliance.key_files import KeyFileError, read_key, write_key
from appliance.services.agent.toml_text import toml_text

CONFIGURATION: Final = "borne.toml"
SERIAL_NUMBERS: Final = (
    Path("/sys/firmware/devicetree/base/serial-number"),
    Path("/sys/class/dmi/id/product_uuid"),
)


class ProvisioningError(Exception):
    """Why the box is not provisioned: a code for the guide, and one plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The right to enrol once, and whose answer to believe."""

    token: Token
    central_key: Hex32
    """Central's provisioning key (`borne-central keys` makes it): its answers are signed with it."""


class DeviceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`device.toml`: what `borne.toml` has too, and the claim."""

    box: Box
    claim: Claim
    kiosk: Kiosk = Kiosk()
    face: FaceSettings = FaceSettings()
    finger: FingerSettings = FingerSettings()
    retention: Retention = Retention()
    time: TimeSources = TimeSources()
    device: tuple[DeviceEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """Where provisioning stands after one look at the card."""

    code: str
    """asked (central must answer), done, unchanged (no file for us), or a problem's code."""
    sentence: str


class Provisioning:
    """One box's provisioning: `card` is the configuration partition or a stick, `identity` is /etc/borne."""

    def __init__(self, *, card: Path, identity: Path, serial: Callable[[], str] | None = None) -> None:
        self._card = card
        self._identity = identity
        self._serial = serial or hardware_serial
        self.asked: Request | None = None
        """What is asked of central, once there is a device.toml to ask for."""

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
            device = load_toml(self._card / DEVICE_FILE, DeviceFile)
        except ConfigError as error:
            raise ProvisioningError("bad_device_file", str(error)) from error
        request = self.asked = self._request(device)
        if (self._card / ANSWER_FILE).exists():
            answer = self._answer(device.claim, request)
            self._install(answer)
            # The token is spent: nothing of it stays on a card that can be pulled out.
            for name in (DEVICE_FILE, REQUEST_FILE, ANSWER_FILE):
                (self._card / name).unlink(missing_ok=True)
            return Result("done", f"This box is {device.box.device} at {device.box.post}.")
        _replace(
            self._card / REQUEST_FILE, msgspec.json.format(msgspec.json.encode(request), indent=1) + b"\n"
        )
        return Result(
            "asked",
            f"{REQUEST_FILE} is for central. Its fingerprint is {fingerprint(request)}: read it to them.",
        )

    def _request(self, device: DeviceFile) -> Request:
        try:
            signing = read_key(self._identity / "public" / "signing.pub", VerifyKey)
            sealing = read_key(self._identity / "public" / "sealing.pub", PublicKey)
        except KeyFileError as error:
            raise ProvisioningError("no_keys", f"The box's own keys are not there yet: {error}") from error
        return Request(
            device=device.box.device,
            post=device.box.post,
            token=device.claim.token,
            signing_key=bytes(signing).hex(),
            sealing_key=bytes(sealing).hex(),
            csr=self._csr(device.box.device),
            hardware=self._serial(),
            key_tier="software",
            software=appliance.__version__,
        )

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

    def _answer(self, claim: Claim, request: Request) -> Answer:
        try:
            with (self._card / ANSWER_FILE).open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
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

    def _install(self, answer: Answer) -> None:
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
        for name in ("watermark", "gateway_signing"):
            if (said := getattr(answer, name)) is not None:
                keys[f"{name}_key"] = _write_public(central / f"{name}.pub", VerifyKey(bytes.fromhex(said)))
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
