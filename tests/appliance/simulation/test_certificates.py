import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.simulation.certificates import CertificateAuthority


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_ok__a_server_for_the_loopback_only(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    server = read(authority.issue("broker", server=True)[0])
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    server.verify_directly_issued_by(read(authority.certificate))


def test_ok__a_server_that_a_virtual_machine_sees_elsewhere(tmp_path: Path) -> None:
    server = read(CertificateAuthority(tmp_path).issue("broker", server=True, also_at=["10.0.2.2"])[0])
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "10.0.2.2"]


def test_ok__the_authority_s_own_key_is_its_owner_s_alone(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    authority.write_key(tmp_path / "ca.key")
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0
    key = serialization.load_pem_private_key((tmp_path / "ca.key").read_bytes(), None)
    assert read(authority.certificate).public_key() == key.public_key()


def test_ok__a_client_is_no_server(tmp_path: Path) -> None:
    client = read(CertificateAuthority(tmp_path).issue("box-1")[0])
    usage = client.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        client.extensions.get_extension_for_class(x509.BasicConstraints)
    assert client.subject.rfc4514_string() == "CN=box-1"


def test_ok__short_lived_with_their_own_secret(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    for name in ("a", "b"):
        certificate, key = authority.issue(name)
        assert key.stat().st_mode & 0o777 == 0o600
        ssl.create_default_context().load_cert_chain(certificate, key)
        left = read(certificate).not_valid_after_utc - dt.datetime.now(dt.UTC)
        assert dt.timedelta(days=30) < left < dt.timedelta(days=32)
    assert (tmp_path / "a.key").read_bytes() != (tmp_path / "b.key").read_bytes()
    assert not (tmp_path / "ca.key").exists(), "who finds the folder cannot issue more"


def test_fail__another_authoritys(tmp_path: Path) -> None:
    first, second = CertificateAuthority(tmp_path / "1"), CertificateAuthority(tmp_path / "2")
    certificate = read(first.issue("box-1")[0])
    certificate.verify_directly_issued_by(read(first.certificate))
    with pytest.raises(Exception):  # noqa: B017 - the library names no common class
        certificate.verify_directly_issued_by(read(second.certificate))


def test_ok__both_sides_under_strict_rules(tmp_path: Path) -> None:
    """As Python 3.13's contexts are from the start (VERIFY_X509_STRICT)."""
    authority = CertificateAuthority(tmp_path)
    ends = []
    for name, purpose in (("broker", ssl.Purpose.CLIENT_AUTH), ("box-1", ssl.Purpose.SERVER_AUTH)):
        context = ssl.create_default_context(purpose, cafile=authority.certificate)
        context.load_cert_chain(*authority.issue(name, server=name == "broker"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        ends.append(context)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ends[0].wrap_bio(to_server, to_client, server_side=True)
    client = ends[1].wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    open_ends = [client, server]
    for _ in range(10):
        for end in tuple(open_ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            open_ends.remove(end)
    assert not open_ends
    assert server.getpeercert()["subject"] == ((("commonName", "box-1"),),)
