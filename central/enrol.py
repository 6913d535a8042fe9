"""`borne-central claim` and `enrol`: a box's way in: one token, one request, one signed answer.

A claim is a file named by its token's hash, so that the folder gives no token away; taking it is one
rename, so that it is taken once.
"""

import argparse
import base64
import datetime as dt
import hashlib
import json
import os
import secrets
import sys
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.contracts.provisioning import (
    ANSWER_TYPE,
    MAX_FILE_BYTES,
    Answer,
    BrokerAddress,
    Request,
    fingerprint,
)
from appliance.contracts.wire import check_name
from appliance.cose import CONTENT_TYPE, sign1
from appliance.key_files import read_key, write_key
from central.store import Store

TOKEN_BYTES = 24
SKEW = dt.timedelta(days=1)
"""Before a first contact with a time server, a box's clock may be anywhere near."""
PROVISIONING = "provisioning"


class EnrolError(ValueError):
    """Why a box is not enrolled, in one plain sentence."""


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to `borne-central`."""
    claim = actions.add_parser("claim", help="a token that lets one box of this name enrol")
    claim.add_argument("--claims", type=Path, required=True, metavar="FOLDER")
    claim.add_argument("--keys", type=Path, required=True)
    claim.add_argument("--hours", type=float, default=24.0)
    claim.add_argument("device")
    claim.set_defaults(run=_claim)

    enrol = actions.add_parser("enrol", help="answer a box's request.json, and register its keys")
    enrol.add_argument("request", type=Path)
    enrol.add_argument("answer", type=Path, help="the answer.cose to write")
    enrol.add_argument("--claims", type=Path, required=True, metavar="FOLDER")
    enrol.add_argument("--keys", type=Path, required=True)
    enrol.add_argument("--database", required=True)
    enrol.add_argument("--ca", type=Path, required=True, help="the boxes' authority at the broker")
    enrol.add_argument("--ca-key", type=Path, required=True)
    enrol.add_argument("--days", type=int, default=397, help="longer than a box may be offline")
    enrol.add_argument("--broker", required=True, metavar="HOST:PORT")
    enrol.add_argument(
        "--reference-root", type=Path, required=True, help="what `borne-central trust init` wrote"
    )
    enrol.add_argument(
        "--fingerprint", help="as the technician reads it from the screen; asked for when missing"
    )
    enrol.set_defaults(run=_enrol)


def provisioning_key(folder: Path) -> SigningKey:
    """Central's key for answers, made at its first use."""
    path = folder / f"{PROVISIONING}.key"
    if not path.exists():
        key = SigningKey.generate()
        write_key(path, key)
        write_key(folder / f"{PROVISIONING}.pub", key.verify_key)
    return read_key(path, SigningKey)


def make_claim(folder: Path, device: str, *, hours: float, now: dt.datetime) -> str:
    """A new token for a box of this name."""
    check_name(device)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = base64.urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=")
    expires = now + dt.timedelta(hours=hours)
    path = folder / _hashed(token)
    path.write_text(json.dumps({"device": device, "expires": expires.isoformat()}), "ascii")
    return token


def take_claim(folder: Path, request: Request, *, now: dt.datetime) -> None:
    """Spend the request's token.

    Raises:
        EnrolError: there is none, it is spent or over, or it is for another name.
    """
    path = folder / _hashed(request.token)
    try:
        said = json.loads(path.read_text("ascii"))
    except FileNotFoundError as error:
        raise EnrolError("The token is not known here, or is spent: make a new claim.") from error
    if said["device"] != request.device:
        raise EnrolError(f"The token is for {said['device']}, not for {request.device}.")
    if dt.datetime.fromisoformat(said["expires"]) < now:
        raise EnrolError("The token is over: make a new claim.")
    try:
        os.rename(path, path.with_suffix(".spent"))
    except FileNotFoundError as error:
        raise EnrolError("The token was spent just now.") from error


def issue(
    request: Request, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, *, days: int, now: dt.datetime
) -> str:
    """The box's certificate for the broker.

    Raises:
        EnrolError: the request is not signed by its own key, or is for another name.
    """
    try:
        csr = x509.load_pem_x509_csr(request.csr.encode())
    except ValueError as error:
        raise EnrolError("The certificate request is none.") from error
    names = [name.value for name in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not csr.is_signature_valid or names != [request.device]:
        raise EnrolError("The certificate request is not this box's.")
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(csr.subject)
        .issuer_name(ca.subject)
        .public_key(csr.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _claim(arguments: argparse.Namespace) -> int:
    key = provisioning_key(arguments.keys)
    token = make_claim(arguments.claims, arguments.device, hours=arguments.hours, now=dt.datetime.now(dt.UTC))
    print(f'[claim]\ntoken = "{token}"\ncentral_key = "{bytes(key.verify_key).hex()}"')
    return 0


def _enrol(arguments: argparse.Namespace) -> int:
    request = read_request(arguments.request)
    _agree(request, arguments.fingerprint)
    ca_pem = arguments.ca.read_text("ascii")
    ca_key = serialization.load_pem_private_key(arguments.ca_key.read_bytes(), None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise EnrolError("The authority's key is not one on an elliptic curve.")
    host, _, port = arguments.broker.rpartition(":")
    now = dt.datetime.now(dt.UTC)
    certificate = issue(
        request, x509.load_pem_x509_certificate(ca_pem.encode()), ca_key, days=arguments.days, now=now
    )
    public = {
        name: arguments.keys / f"{name}.pub"
        for name in ("sealing", "watermark", "gateway-sealing", "gateway-signing")
    }
    answer = Answer(
        device=request.device,
        signing_key=request.signing_key,
        certificate=certificate,
        ca=ca_pem,
        broker=BrokerAddress(host=host, port=int(port)),
        sealing=bytes(read_key(public["sealing"], PublicKey)).hex(),
        watermark=bytes(read_key(public["watermark"], VerifyKey)).hex(),
        gateway_sealing=bytes(read_key(public["gateway-sealing"], PublicKey)).hex(),
        gateway_signing=bytes(read_key(public["gateway-signing"], VerifyKey)).hex(),
        reference_root=json.loads(arguments.reference_root.read_text("utf-8")),
    )
    signed = sign1(
        msgspec.json.encode(answer),
        protected={CONTENT_TYPE: ANSWER_TYPE},
        signing_key=provisioning_key(arguments.keys),
    )
    take_claim(arguments.claims, request, now=now)  # last: a mistake above leaves the token good
    store = Store(arguments.database)
    with store.batch() as batch:
        batch.register(request.device, bytes.fromhex(request.signing_key), bytes.fromhex(request.sealing_key))
    store.close()
    arguments.answer.write_bytes(signed)
    return 0


def read_request(path: Path) -> Request:
    """Raises:
    EnrolError: it is none.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise EnrolError(f"{path} is larger than {MAX_FILE_BYTES} bytes.")
    try:
        request = msgspec.json.decode(data, type=Request)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EnrolError(f"{path} is no request: {error}.") from error
    check_name(request.device)
    return request


def _agree(request: Request, said: str | None) -> None:
    own = fingerprint(request)
    if said is None:
        print(
            f"{request.device} at {request.post}, board {request.hardware}. Fingerprint {own}.",
            file=sys.stderr,
        )
        print(
            "Does the technician read the same from the box's screen? yes/no: ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise EnrolError("Not enrolled.")
    elif said.replace(" ", "").upper() != own.replace(" ", ""):
        raise EnrolError("The fingerprint is another: this request is not from the technician's box.")
