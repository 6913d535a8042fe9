"""`borne-central claim`, `enrol`, `asked`, `approve` and `serve-enrolment`: a box's way in: one token, one
request, one signed answer, by card or by network.
"""

import argparse
import datetime as dt
import hashlib
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from appliance.contracts.provisioning import (
    ANSWER_TYPE,
    MAX_FILE_BYTES,
    Answer,
    BrokerAddress,
    Request,
    fingerprint,
    split_door,
)
from appliance.contracts.wire import check_name
from appliance.cose import CONTENT_TYPE, sign1
from appliance.key_files import read_key, write_key
from central import claims, door
from central.claims import EnrolError
from central.fleet.alerts import raise_alert
from central.rights.journal import note
from central.store import Store

SKEW = dt.timedelta(days=1)
"""Before a first contact with a time server, a box's clock may be anywhere near."""
PROVISIONING = "provisioning"
SEALING_KEYS, SIGNING_KEYS = ("sealing", "gateway-sealing"), ("watermark", "gateway-signing")
NEW_IN_2 = ("operator", "authority", "support")
"""Members of the answer that a box of version 1 would not take."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """What answers are made of."""

    keys: Path
    database: str
    ca_pem: str
    ca_key: ec.EllipticCurvePrivateKey
    days: int
    broker: BrokerAddress
    reference_root: Path

    def answer(self, request: Request, *, now: dt.datetime) -> bytes:
        """The signed answer. Nothing is registered or spent yet.

        Raises:
            EnrolError: the request is not signed by its own key, or is for another name.
        """
        ca = x509.load_pem_x509_certificate(self.ca_pem.encode())
        public: dict[str, object] = {}
        for name in SEALING_KEYS:
            public[name.replace("-", "_")] = bytes(read_key(self.keys / f"{name}.pub", PublicKey)).hex()
        for name in (*SIGNING_KEYS, *(NEW_IN_2 if request.version >= 2 else ())):
            if name not in NEW_IN_2 or (self.keys / f"{name}.pub").exists():
                public[name.replace("-", "_")] = bytes(read_key(self.keys / f"{name}.pub", VerifyKey)).hex()
        plain = public | {
            "version": request.version,
            "device": request.device,
            "signing_key": request.signing_key,
            "certificate": issue(request, ca, self.ca_key, days=self.days, now=now),
            "ca": self.ca_pem,
            "broker": msgspec.to_builtins(self.broker),
            "reference_root": json.loads(self.reference_root.read_text("utf-8")),
        }
        msgspec.convert(plain, Answer)  # what a box takes, or a mistake here and now
        return sign1(
            msgspec.json.encode(plain),
            protected={CONTENT_TYPE: ANSWER_TYPE},
            signing_key=provisioning_key(self.keys),
        )

    def register(self, request: Request, *, by: str, purpose: str) -> None:
        """From now on the name's records are believed from this box's key alone."""
        store = Store(self.database)
        with store.batch() as batch:
            outcome = {"device": request.device, "fingerprint": fingerprint(request)}
            note(batch.connection, by=by, action="enrol", purpose=purpose, outcome=outcome)
            batch.register(
                request.device, bytes.fromhex(request.signing_key), bytes.fromhex(request.sealing_key)
            )
        store.close()


def add_to(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to `borne-central`."""
    claim = actions.add_parser("claim", help="a token that lets one box of this name enrol")
    _add_claims(claim)
    claim.add_argument("--keys", type=Path, required=True)
    claim.add_argument("--hours", type=float, default=24.0)
    claim.add_argument("--door", metavar="HOST:PORT", help="where the box asks by network")
    claim.add_argument(
        "--door-certificate", type=Path, action="append", default=[], metavar="FILE",
        help="of `serve-enrolment`, present or next: the box speaks to its key alone",
    )  # fmt: skip
    claim.add_argument(
        "--unattended", action="store_true", help="the door answers by itself: no fingerprint is compared"
    )
    claim.add_argument("device")
    claim.set_defaults(run=_claim)

    enrol = actions.add_parser("enrol", help="answer a box's request.json, and register its keys")
    enrol.add_argument("request", type=Path)
    enrol.add_argument("answer", type=Path, help="the answer.cose to write")
    _add_claims(enrol)
    _add_issuer(enrol, required=True)
    _add_fingerprint(enrol)
    enrol.set_defaults(run=_enrol)

    asked = actions.add_parser("asked", help="who has asked by network, and who waits for `approve`")
    _add_claims(asked)
    asked.add_argument("--json", action="store_true")
    asked.set_defaults(run=_asked)

    approve = actions.add_parser("approve", help="answer a box that has asked by network, or refuse it")
    approve.add_argument("device")
    _add_claims(approve)
    _add_issuer(approve, required=True)
    _add_fingerprint(approve)
    approve.add_argument("--refuse", action="store_true", help="it is a stranger: its claim is void")
    approve.set_defaults(run=_approve)

    serve = actions.add_parser("serve-enrolment", help="take boxes' requests by network, until stopped")
    _add_claims(serve)
    serve.add_argument("--host", required=True)
    serve.add_argument("--port", type=int, default=8885)
    serve.add_argument("--certificate", type=Path, required=True, help="of the door itself")
    serve.add_argument("--key", type=Path, required=True)
    _add_issuer(serve, required=False)
    serve.set_defaults(run=_serve)


def _add_claims(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--claims", type=Path, required=True, metavar="FOLDER")


def _add_issuer(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """`required`: not by a door that only takes requests, for which no key of central's is needed."""
    parser.add_argument("--database", required=True)
    parser.add_argument("--keys", type=Path, required=required)
    parser.add_argument("--ca", type=Path, required=required, help="the boxes' authority at the broker")
    parser.add_argument("--ca-key", type=Path, required=required)
    parser.add_argument("--days", type=int, default=397, help="longer than a box may be offline")
    parser.add_argument("--broker", required=required, metavar="HOST:PORT")
    parser.add_argument(
        "--reference-root", type=Path, required=required, help="what `borne-central trust init` wrote"
    )


def _add_fingerprint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fingerprint", help="as the technician reads it from the screen; asked for when missing"
    )


def provisioning_key(folder: Path) -> SigningKey:
    """Central's key for answers, made at its first use."""
    path = folder / f"{PROVISIONING}.key"
    if not path.exists():
        key = SigningKey.generate()
        write_key(path, key)
        write_key(folder / f"{PROVISIONING}.pub", key.verify_key)
    return read_key(path, SigningKey)


def issue(
    request: Request, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, *, days: int, now: dt.datetime
) -> str:
    """The box's certificate for the broker.

    Raises:
        EnrolError: the request is not signed by its own key, or is for another name.
    """
    csr = claims.csr_of(request)
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


def pin_of(certificate: Path) -> str:
    """SHA-256 of the certificate's public key (RFC 7469's pin, as hexadecimal digits).

    Raises:
        EnrolError: the file holds no certificate.
    """
    try:
        key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    except ValueError as error:
        raise EnrolError(f"{certificate} holds no certificate.") from error
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _claim(arguments: argparse.Namespace) -> int:
    if (arguments.door is None) != (not arguments.door_certificate):
        raise EnrolError("--door and --door-certificate go together.")
    if arguments.unattended and arguments.door is None:
        raise EnrolError("--unattended is for a claim with a --door.")
    if arguments.door is not None:
        split_door(arguments.door)
    pins = [pin_of(path) for path in arguments.door_certificate]
    key = provisioning_key(arguments.keys)
    token = claims.make_claim(
        arguments.claims,
        arguments.device,
        hours=arguments.hours,
        now=dt.datetime.now(dt.UTC),
        unattended=arguments.unattended,
    )
    print(f'[claim]\ntoken = "{token}"\ncentral_key = "{bytes(key.verify_key).hex()}"')
    if arguments.door is not None:
        print(f'door = "{arguments.door}"\npins = {json.dumps(pins)}')
    return 0


def _issuer(arguments: argparse.Namespace) -> Issuer:
    """Raises:
    EnrolError: the authority's key is none that it can sign with.
    """
    ca_key = serialization.load_pem_private_key(arguments.ca_key.read_bytes(), None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise EnrolError("The authority's key is not one on an elliptic curve.")
    host, port = split_door(arguments.broker)
    return Issuer(
        keys=arguments.keys,
        database=arguments.database,
        ca_pem=arguments.ca.read_text("ascii"),
        ca_key=ca_key,
        days=arguments.days,
        broker=BrokerAddress(host=host, port=port),
        reference_root=arguments.reference_root,
    )


def _enrol(arguments: argparse.Namespace) -> int:
    request = read_request(arguments.request)
    _agree(request, arguments.fingerprint)
    if request.proof is not None:  # a box of version 1 has none; its fingerprint was compared
        claims.check_proof(request)
    issuer = _issuer(arguments)
    now = dt.datetime.now(dt.UTC)
    signed = issuer.answer(request, now=now)
    claims.take_claim(arguments.claims, request, now=now)  # last: a mistake above leaves the token good
    issuer.register(request, by="operator", purpose="request on a card")
    arguments.answer.write_bytes(signed)
    return 0


def _asked(arguments: argparse.Namespace) -> int:
    found = claims.asked(arguments.claims)
    rows = [
        {
            "device": one.request.device,
            "post": "".join(letter if letter.isprintable() else "?" for letter in one.request.post),
            "hardware": one.request.hardware,
            "key_tier": one.request.key_tier,
            "fingerprint": fingerprint(one.request),
            "since": one.since.isoformat(timespec="seconds"),
            "state": one.state,
        }
        for one in found
    ]
    if arguments.json:
        print(json.dumps({"asked": rows}))
        return 0
    for row in rows:
        words = f"{row['device']:<16} {row['state']:<9} {row['fingerprint']}"
        print(f"{row['since'][:16]}  {words}  {row['key_tier']:<8} {row['post']}")
    return 0


def _approve(arguments: argparse.Namespace) -> int:
    asked = claims.waiting_request(arguments.claims, check_name(arguments.device))
    if arguments.refuse:
        claims.refuse(asked.path)
        return 0
    _agree(asked.request, arguments.fingerprint)
    _give(_issuer(arguments), asked.request, asked.path, by="operator")
    return 0


def _give(issuer: Issuer, request: Request, bound: Path, *, by: str) -> bytes:
    """Register before the answer is there to be fetched: a box that has it is believed."""
    signed = issuer.answer(request, now=dt.datetime.now(dt.UTC))
    issuer.register(request, by=by, purpose="request by network")
    claims.keep_answer(bound, signed)
    return signed


def _serve(arguments: argparse.Namespace) -> int:
    issuer = None if arguments.ca_key is None else _issuer(arguments)
    store = Store(arguments.database)

    def alarm(device: str, sentence: str) -> None:
        with store.batch() as batch:
            raise_alert(batch.connection, "enrolment", device, sentence)

    def answers(request: Request) -> bytes | None:
        bound, unattended = claims.present(arguments.claims, request, now=dt.datetime.now(dt.UTC))
        there = claims.answer_at(bound)
        if there is None and unattended and issuer is not None:
            return _give(issuer, request, bound, by="door")
        return there

    desk = door.Desk(answers=answers, alarm=alarm)
    serving = door.Serving(desk, arguments.host, arguments.port, arguments.certificate, arguments.key)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: serving.stop())
    serving.run(ready=lambda port: print(f"listening on port {port}", flush=True))
    store.close()
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
