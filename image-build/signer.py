#!/usr/bin/env python3
"""An authority for updates and a code-signing certificate under it: for tests, good for 30 days.

    .venv/bin/python image-build/signer.py FOLDER

Whoever builds for boxes in the field has an authority of their own, its key on no build machine; a box takes
what leads to the certificate that its image was built with (`build.py --update-ca`). What is there stays, as
long as it is good.
"""

import datetime as dt
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def make_signer(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """An authority, and a code signing certificate with its key."""
    now = dt.datetime.now(dt.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {one}")]) for one in ("ca", "signer")
    ]
    certificates = []
    for subject, key, ca in zip(names, keys, (True, False), strict=True):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False
            )
        )
        if not ca:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
            builder = builder.add_extension(usage, critical=False)
        certificates.append(builder.sign(keys[0], hashes.SHA256()))
    paths = [folder / f"{name}-{one}" for one in ("ca.pem", "signer.pem", "signer.key")]
    for path, certificate in zip(paths, certificates, strict=False):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths[0], paths[1], paths[2]


def still_good(certificate: Path) -> bool:
    """Whether it is there, and will be good for a day of tests more."""
    if not certificate.exists():
        return False
    end = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return end > dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


def main() -> int:
    if len(sys.argv) != 2:
        print("signer: usage: image-build/signer.py FOLDER", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if not still_good(folder / "lab-signer.pem"):
        make_signer(folder, "lab")
    return 0


if __name__ == "__main__":
    sys.exit(main())
