"""Whether a seal is genuine: signed by somebody whom the trust store knows (ICAO Doc 9303-13, 2.4 and 5)."""

from collections.abc import Iterator

from appliance.travel_document.authentication.finding import CANNOT, FAIL, NOT_DONE, PASS, Finding, Moment
from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.mrz import Mrz
from appliance.travel_document.pki.certificate import COMMON_NAME, Certificate
from appliance.travel_document.pki.keys import EcKey
from appliance.travel_document.pki.path import PathOutcome, find_path
from appliance.travel_document.pki.signatures import verify_ecdsa_any
from appliance.travel_document.pki.trust_store import TrustStore
from appliance.travel_document.seal.seal import Seal, read_seal

IDS = ("seal.signature", "seal.certificate_path", "seal.matches_mrz")


def judge_seal(
    data: bytes, store: TrustStore, moment: Moment, *, page: Mrz | None = None
) -> tuple[Finding, ...]:
    """Every check of one seal."""
    try:
        seal = read_seal(data)
        lines = seal.mrz
    except EmrtdError as error:
        said = {"problem": str(error)}
        return (
            Finding("seal.signature", FAIL, "malformed", said),
            Finding("seal.certificate_path", NOT_DONE, "signature_not_verified"),
            Finding("seal.matches_mrz", NOT_DONE, "no_mrz"),
        )
    signature, signer = _signature(seal, store)
    return signature, _path(signer, store, moment), match_page(lines, page)


def signers_of(seal: Seal, store: TrustStore) -> Iterator[Certificate]:
    """Certificates that the header may mean: by serial number and name, then by serial number alone."""
    country, name = seal.signer[:2], seal.signer[2:]
    try:
        serial = int(seal.certificate_reference, 16)
    except ValueError:
        return
    found = [one for one in store.signers(country) if one.serial == serial]
    yield from sorted(found, key=lambda one: not one.subject.first(COMMON_NAME).endswith(name))


def match_page(lines: tuple[str, ...], page: Mrz | None) -> Finding:
    """The page's MRZ against what the seal holds of it, which may be less than the whole."""
    id_ = "seal.matches_mrz"
    if not lines or page is None:
        return Finding(id_, NOT_DONE, "no_mrz")
    same = len(page.lines) == len(lines) and all(
        printed.startswith(sealed) for printed, sealed in zip(page.lines, lines, strict=True)
    )
    return Finding(id_, PASS, "equal") if same else Finding(id_, FAIL, "different")


def _signature(seal: Seal, store: TrustStore) -> tuple[Finding, Certificate | None]:
    id_ = "seal.signature"
    evidence = {
        "signer": seal.signer,
        "reference": seal.certificate_reference,
        "signed": seal.signed.isoformat() if seal.signed else None,
    }
    candidates = list(signers_of(seal, store))
    if not candidates:
        return Finding(id_, CANNOT, "no_signer_certificate", evidence), None
    for certificate in candidates:
        try:
            key = certificate.public_key
        except EmrtdError:
            continue
        if isinstance(key, EcKey) and verify_ecdsa_any(key, seal.signature, seal.signed_bytes, _digest(key)):
            return Finding(id_, PASS, "ok", evidence), certificate
    return Finding(id_, FAIL, "signature_wrong", evidence), None


def _path(signer: Certificate | None, store: TrustStore, moment: Moment) -> Finding:
    id_ = "seal.certificate_path"
    if signer is None:
        return Finding(id_, NOT_DONE, "signature_not_verified")
    path = find_path(signer, authorities=store.authorities)
    if path.outcome is not PathOutcome.TRUSTED:
        return Finding(id_, CANNOT, path.outcome.value, {"country": signer.issuer.country})
    for crl in store.crls(signer.issuer.country):
        if crl.covers(signer) and signer.serial in crl.revoked:
            return Finding(id_, FAIL, "revoked")
    authority = path.certificates[-1]
    return Finding(
        id_,
        PASS,
        "trusted",
        {
            "country": signer.issuer.country,
            "authority": authority.fingerprint,
            "list_age_hours": moment.age_hours(store.said_at(authority)),
        },
    )


def _digest(key: EcKey) -> str:
    """The digest that fits the key (9303-13, 2.4)."""
    bits = key.curve.bits
    return "sha512" if bits > 384 else "sha384" if bits > 256 else "sha256" if bits > 224 else "sha224"
