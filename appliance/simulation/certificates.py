"""A throw-away certificate authority for the demo's broker: P-256, valid for a month."""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = dt.timedelta(days=31)
SKEW = dt.timedelta(days=1)
"""Valid since yesterday, so that two clocks on one desk need not agree to the second."""


class CertificateAuthority:
    """Makes a CA in a folder, and certificates for the broker and its clients."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Borne demo CA")
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
        )
        self.certificate = folder / "ca.pem"
        _write_certificate(self.certificate, certificate.sign(self._key, hashes.SHA256()))

    def issue(self, name: str, *, server: bool = False, also_at: Iterable[str] = ()) -> tuple[Path, Path]:
        """A certificate and its key (files) for this common name; a server's is for loopback, and for the
        addresses under which a virtual machine sees it."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self._builder(_name(name), key.public_key())
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if server:
            names = [x509.DNSName("localhost"), *map(_address, ("127.0.0.1", *also_at))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate_file, key_file = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _write_certificate(certificate_file, builder.sign(self._key, hashes.SHA256()))
        key_file.touch(mode=0o600)
        key_file.write_bytes(_pem(key))
        return certificate_file, key_file

    def write_key(self, path: Path) -> None:
        """The authority's own key, for a central that answers certificate requests."""
        path.touch(mode=0o600)
        path.write_bytes(_pem(self._key))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - SKEW)
            .not_valid_after(now + VALID_FOR)
            .add_extension(identifier, critical=False)
            .add_extension(issuer, critical=False)
        )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _address(text: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(text))


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """RFC 5280, 4.2.1.3: from Python 3.13 on, TLS clients refuse an authority that does not say it signs."""
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


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
