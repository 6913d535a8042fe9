"""Into the trust store: master lists, LDIF files, revocation and deviation lists, single certificates.

Nothing is taken on its own word. A list must be signed by somebody whose certificate leads to a pinned
anchor; a revocation list, a signer's or a link certificate by an authority that is in the store already.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Any, Final

from appliance.travel_document.lds.errors import EmrtdError
from appliance.travel_document.pki.certificate import Certificate, parse_certificate
from appliance.travel_document.pki.cms import SignatureOutcome, SignedData, SignerInfo, parse_signed_data
from appliance.travel_document.pki.crl import parse_crl
from appliance.travel_document.pki.deviation_list import is_deviation_list, read_deviation_list
from appliance.travel_document.pki.ldif import looks_like_ldif, read_ldif
from appliance.travel_document.pki.master_list import UnreadCertificate, is_master_list, read_master_list
from appliance.travel_document.pki.path import likely_issuers, may_issue
from appliance.travel_document.pki.trust_report import (
    Anchor,
    ImportReport,
    NotImportable,
    Refusal,
    from_pem,
)
from appliance.travel_document.pki.trust_store import (
    Content,
    Source,
    StoredCertificate,
    StoredCrl,
    StoredDeviation,
    TrustStore,
)

MAX_IMPORT_BYTES: Final = 256 * 1024 * 1024
"""The PKD's complete LDIF of signers and revocation lists has some 100 MB."""
LIST_SIGNING: Final = "2.23.136.1.1.3"
"""id-icao-cscaMasterListSigningKey, the extended key usage of a list's signer."""
DEVIATION_SIGNING: Final = "2.23.136.1.1.8"
MAX_STEPS: Final = 5


def import_trust(
    store: TrustStore, data: bytes, anchors: Iterable[Anchor], *, now: dt.datetime
) -> ImportReport:
    """Verify the file and merge it; `report.installed` says whether the new store differs from the old.

    Raises:
        NotImportable: it is nothing that a trust store is made from.
    """
    if len(data) > MAX_IMPORT_BYTES:
        raise NotImportable(f"More than {MAX_IMPORT_BYTES} bytes are not imported.")
    work = _Import(store, tuple(anchors), now, hashlib.sha256(data).hexdigest())
    if looks_like_ldif(data):
        work.ldif(data)
    else:
        work.one(from_pem(data))
    return work.finish()


class _Import:
    """One file on its way into the store."""

    def __init__(self, store: TrustStore, anchors: tuple[Anchor, ...], now: dt.datetime, id_: str) -> None:
        self._old = store
        self._anchors = anchors
        self._pinned = {anchor.fingerprint for anchor in anchors}
        self._now = now
        self._id = id_
        self.report = ImportReport(store)
        self._sources: list[Source] = []
        self._authorities: dict[str, tuple[Certificate, set[str], str]] = {}
        self._signers: list[Certificate] = []
        self._crls: list[StoredCrl] = []
        self._deviations: list[StoredDeviation] = []
        self._replaced: set[str] = set()

    # The kinds of file

    def one(self, data: bytes) -> None:
        """A file that holds one thing: a signed list, a revocation list or a certificate."""
        try:
            signed: SignedData | None = parse_signed_data(data)
        except EmrtdError as error:
            signed, why = None, error
        if signed is not None:
            if not (is_master_list(signed) or is_deviation_list(signed)):
                raise NotImportable(
                    f"The file is signed data of type {signed.content_type}: no master or deviation list."
                )
            self._signed_list(signed, self._id)
            return
        for read, take in ((parse_certificate, self._certificate), (parse_crl, self._crl)):
            try:
                thing: Any = read(data)
            except EmrtdError:
                continue
            take(thing)
            return
        raise NotImportable(
            "The file is no master list, deviation list, revocation list, certificate or LDIF file."
        ) from why

    def ldif(self, data: bytes) -> None:
        """Lists first, so that what the others need is there whatever the order of the file."""
        self.report.kind = "ldif"
        values = list(read_ldif(data))
        if not values:
            raise NotImportable("The LDIF file holds no certificates and no lists.")
        for value in values:
            if value.kind == "signed_list":
                self._try(lambda value=value: self._signed_list(
                    parse_signed_data(value.data), hashlib.sha256(value.data).hexdigest()
                ))  # fmt: skip
        for value in values:
            if value.kind == "certificate":
                self._try(lambda value=value: self._certificate(parse_certificate(value.data)))
        for value in values:
            if value.kind == "crl":
                self._try(lambda value=value: self._crl(parse_crl(value.data)))

    def _try(self, take: Any) -> None:
        try:
            take()
        except EmrtdError as error:
            self.report.refuse(Refusal("unreadable", sentence=str(error)))

    # What they hold

    def _signed_list(self, signed: SignedData, id_: str) -> None:
        kind = "master_list" if is_master_list(signed) else "deviation_list"
        self.report.kind = self.report.kind or kind
        entries: list[Certificate | UnreadCertificate] = []
        if kind == "master_list":
            entries = list(read_master_list(signed))
            self.report.certificates += len(entries)
        elif not is_deviation_list(signed):
            self.report.refuse(Refusal("unknown_list", sentence="A signed list of a kind that is not known."))
            return
        listed = [entry for entry in entries if isinstance(entry, Certificate)]
        self.report.countries |= {one.country for one in listed}
        believed = self._believe(signed, listed, kind)
        if believed is None:
            return
        signer, way = believed
        country = way[0].country
        signed_at = signer.signing_time
        self.report.signed_at = max(filter(None, (self.report.signed_at, signed_at)), default=None)
        if not self._not_older(kind, country, signed_at):
            return
        self._replaced |= {
            one.id for one in self._old.content.sources if (one.kind, one.signer) == (kind, country)
        }
        if kind == "master_list":
            self._take_listed(entries, listed, id_)
        else:
            found = list(read_deviation_list(signed, country=country, source=id_))
            self._deviations += found
            self.report.deviations += len(found)
        self._source(id_, kind, country, signed_at, way[-1].fingerprint, len(listed))

    def _believe(
        self, signed: SignedData, listed: list[Certificate], kind: str
    ) -> tuple[SignerInfo, tuple[Certificate, ...]] | None:
        """The signer whose signature holds and whose certificate leads to an anchor."""
        report = self.report
        known = [anchor.certificate for anchor in self._anchors if anchor.certificate is not None]
        pool = [*signed.certificates, *known, *listed]
        outcome, certificate = SignatureOutcome.SIGNATURE_WRONG, None
        for signer in signed.signers:
            certificate = signed.certificate_of(signer, pool)
            if certificate is None:
                continue
            outcome = signed.check(signer, certificate)
            if outcome is not SignatureOutcome.OK:
                continue
            way = self._way_to_anchor(certificate, pool)
            if way is not None or signer is signed.signers[-1]:
                return self._judge_signer(signer, certificate, way, kind)
        if certificate is None:
            report.check("trust.list_signature", "CANNOT", "no_signer_certificate")
        else:
            verdict = "CANNOT" if outcome is SignatureOutcome.UNSUPPORTED else "FAIL"
            report.check("trust.list_signature", verdict, outcome.value, signer=_said(certificate))
        return None

    def _judge_signer(
        self, signer: SignerInfo, certificate: Certificate, way: tuple[Certificate, ...] | None, kind: str
    ) -> tuple[SignerInfo, tuple[Certificate, ...]] | None:
        report = self.report
        said_at = None if signer.signing_time is None else signer.signing_time.isoformat()
        report.check("trust.list_signature", "PASS", "ok", signer=_said(certificate), signed_at=said_at)
        if way is None:
            reason = "not_under_anchor" if self._anchors else "no_anchor"
            verdict = "FAIL" if self._anchors else "NOT_DONE"
            report.check("trust.anchor", verdict, reason, signer_issuer=certificate.issuer.country)
            return None
        report.check("trust.anchor", "PASS", "pinned", anchor=way[-1].fingerprint, path=len(way))
        at = signer.signing_time or self._now
        valid = all(one.valid_at(at) for one in way)
        report.check("trust.signer_validity", "PASS" if valid else "FAIL", "valid" if valid else "not_valid")
        wanted = LIST_SIGNING if kind == "master_list" else DEVIATION_SIGNING
        usages = certificate.extended_key_usage
        fits = not usages or wanted in usages
        report.check("trust.signer_usage", "PASS" if fits else "FAIL", "ok" if fits else "not_for_lists")
        return (signer, way) if valid and fits else None

    def _way_to_anchor(
        self, certificate: Certificate, pool: Iterable[Certificate]
    ) -> tuple[Certificate, ...] | None:
        """From the signer up to a pinned certificate; each step a signature that holds."""
        candidates = [one for one in pool if may_issue(one)]
        waiting: list[tuple[Certificate, ...]] = [(certificate,)]
        seen = {certificate.fingerprint}
        while waiting:
            way = waiting.pop(0)
            if way[-1].fingerprint in self._pinned:
                return way
            if len(way) == MAX_STEPS:
                continue
            same_name = [one for one in candidates if one.subject.comparable == way[-1].issuer.comparable]
            for issuer in likely_issuers(way[-1], same_name):
                if issuer.fingerprint not in seen and way[-1].signed_by(issuer):
                    seen.add(issuer.fingerprint)
                    waiting.append((*way, issuer))
        return None

    def _not_older(self, kind: str, country: str, signed_at: dt.datetime | None) -> bool:
        """A list never falls back behind one of the same state that was imported before."""
        last = max(
            (one.signed_at for one in self._old.content.sources
             if (one.kind, one.signer) == (kind, country) and one.signed_at is not None),
            default=None,
        )  # fmt: skip
        if last is not None and (signed_at is None or signed_at < last):
            self.report.check("trust.not_older", "FAIL", "older", installed=last.isoformat())
            return False
        self.report.check("trust.not_older", "PASS", "not_older")
        return True

    def _take_listed(
        self, entries: list[Certificate | UnreadCertificate], listed: list[Certificate], id_: str
    ) -> None:
        by_key: dict[bytes, list[Certificate]] = {}
        for one in listed:
            by_key.setdefault(one.subject_key_id or b"", []).append(one)
        for entry in entries:
            if isinstance(entry, UnreadCertificate):
                self.report.refuse(
                    Refusal("unreadable", sentence=f"Entry {entry.position}: {entry.sentence}")
                )
                continue
            refusal, role = _judge_authority(entry, by_key)
            if refusal is not None:
                self.report.refuse(refusal)
                continue
            self._authority(entry, role, id_)

    def _authority(self, certificate: Certificate, role: str, id_: str) -> None:
        known = self._authorities.get(certificate.fingerprint)
        if known is not None:
            self.report.duplicates += 1
            known[1].add(id_)
            return
        self.report.accepted += 1
        self.report.roles[role] += 1
        self.report.expired += certificate.not_after < self._now
        self._authorities[certificate.fingerprint] = (certificate, {id_}, role)

    def _certificate(self, certificate: Certificate) -> None:
        """A single one: an authority that is pinned itself, a link, or a signer of a trusted authority."""
        self.report.kind = self.report.kind or "certificate"
        self.report.certificates += 1
        self.report.countries.add(certificate.country)
        try:
            _ = certificate.public_key
        except EmrtdError as error:
            self.report.refuse(_refusal("unsupported_key", certificate, str(error)))
            return
        issued_by = self._issuer(certificate)
        if may_issue(certificate):
            pinned = certificate.fingerprint in self._pinned
            if not pinned and issued_by is None:
                self.report.refuse(
                    _refusal("no_anchor", certificate, "No anchor or trusted authority vouches for it.")
                )
                if not self._anchors:
                    self.report.check("trust.anchor", "NOT_DONE", "no_anchor")
                return
            if pinned:
                self.report.check("trust.anchor", "PASS", "pinned", anchor=certificate.fingerprint, path=1)
            self._authority(certificate, "root" if certificate.self_issued_root else "link", self._id)
            anchor = certificate.fingerprint if pinned else ""
            self._source(self._id, "certificate", certificate.country, None, anchor, 1)
            return
        if issued_by is None:
            self.report.refuse(_refusal("no_issuer", certificate, "No trusted authority has issued it."))
            return
        self.report.accepted += 1
        self.report.roles["signer"] += 1
        self._signers.append(certificate)

    def _crl(self, crl: Any) -> None:
        self.report.kind = self.report.kind or "revocation_list"
        issuers = self._trusted(crl.country)
        if not any(crl.signed_by(one) for one in issuers):
            sentence = "No trusted authority of its country has signed the revocation list."
            self.report.refuse(Refusal("no_issuer", country=crl.country, sentence=sentence))
            return
        older = [one for one in self._old.crls(crl.country) if one.issuer.comparable == crl.issuer.comparable]
        if any(one.this_update > crl.this_update for one in older):
            self.report.refuse(Refusal("older", country=crl.country, sentence="A newer one is installed."))
            return
        self.report.crls += 1
        self.report.countries.add(crl.country)
        self._crls.append(
            StoredCrl(
                der=crl.raw,
                country=crl.country,
                this_update=crl.this_update,
                next_update=crl.next_update,
                source=self._id,
            )
        )

    def _trusted(self, country: str) -> list[Certificate]:
        new = [one for one, _, _ in self._authorities.values() if one.country == country]
        return [*new, *self._old.authorities(country)]

    def _issuer(self, certificate: Certificate) -> Certificate | None:
        for issuer in likely_issuers(certificate, self._trusted(certificate.issuer.country)):
            if issuer != certificate and may_issue(issuer) and certificate.signed_by(issuer):
                return issuer
        return None

    def _source(  # noqa: PLR0917 - the fields of a Source, in their order
        self, id_: str, kind: str, country: str, signed_at: dt.datetime | None, anchor: str, count: int
    ) -> None:
        self._sources.append(
            Source(
                id=id_,
                kind=kind,
                signer=country,
                signed_at=signed_at,
                imported_at=self._now,
                anchor=anchor,
                certificates=count,
            )
        )

    # The new store

    def finish(self) -> ImportReport:
        report = self.report
        report.countries.discard("")
        taken = self._authorities or self._signers or self._crls or self._deviations
        if not taken:
            if not report.checks:
                report.check(
                    "trust.anchor", "NOT_DONE", "no_anchor" if not self._anchors else "nothing_under_anchor"
                )
            return report
        if not self._sources:
            self._source(self._id, report.kind, "", None, "", report.certificates)
        old = self._old.content
        authorities = {one.fingerprint: one for one in _without(old.authorities, self._replaced)}
        for fingerprint, (certificate, ids, role) in self._authorities.items():
            before = authorities.get(fingerprint)
            sources = tuple(sorted(ids | set(before.sources if before else ())))
            authorities[fingerprint] = _stored(certificate, role, sources)
        signers = {one.fingerprint: one for one in old.signers}
        signers |= {one.fingerprint: _stored(one, "signer", (self._id,)) for one in self._signers}
        crls = {_crl_key(one): one for one in old.crls} | {_crl_key(one): one for one in self._crls}
        kept = [one for one in old.deviations if one.source not in self._replaced]
        ids_now = {source.id for source in self._sources}
        sources_kept = [one for one in old.sources if one.id not in self._replaced | ids_now]
        report.store = TrustStore(
            Content(
                sources=(*sources_kept, *self._sources),
                authorities=tuple(authorities.values()),
                signers=tuple(signers.values()),
                crls=tuple(crls.values()),
                deviations=(*kept, *self._deviations),
            )
        )
        report.installed = True
        return report


def _judge_authority(
    certificate: Certificate, by_key: dict[bytes, list[Certificate]]
) -> tuple[Refusal | None, str]:
    """Why a listed certificate is refused, or what it is."""
    try:
        _ = certificate.public_key
    except EmrtdError as error:
        return _refusal("unsupported_key", certificate, str(error)), ""
    if not certificate.country:
        return _refusal("no_country", certificate, "It names no country."), ""
    if not may_issue(certificate):
        return _refusal("not_an_authority", certificate, "It may not sign certificates."), ""
    if certificate.self_issued_root:
        if certificate.signed_by(certificate):
            return None, "root"
        return _refusal("self_signature_wrong", certificate, "Its own signature does not hold."), ""
    issuers = by_key.get(certificate.authority_key_id or b"\x00", [])
    if any(certificate.signed_by(issuer) for issuer in issuers):
        return None, "link"
    if issuers:
        return _refusal(
            "issuer_signature_wrong", certificate, "Its issuer is listed and did not sign it."
        ), ""
    return None, "link_without_issuer"


def _without(stored: Iterable[StoredCertificate], sources: set[str]) -> Iterable[StoredCertificate]:
    """What is left when these sources are taken out."""
    for one in stored:
        left = tuple(id_ for id_ in one.sources if id_ not in sources)
        if left:
            yield StoredCertificate(
                der=one.der,
                country=one.country,
                fingerprint=one.fingerprint,
                key_id=one.key_id,
                role=one.role,
                sources=left,
            )


def _stored(certificate: Certificate, role: str, sources: tuple[str, ...]) -> StoredCertificate:
    return StoredCertificate(
        der=certificate.raw,
        # A signer is looked for by its issuer's country, which is its own by the standard.
        country=certificate.issuer.country if role == "signer" else certificate.country,
        fingerprint=certificate.fingerprint,
        key_id=certificate.subject_key_id or b"",
        role=role,
        sources=sources,
    )


def _crl_key(crl: StoredCrl) -> tuple[str, str]:
    """One list an issuer is kept; the issuer is told by its name, which the bytes hold."""
    name = parse_crl(crl.der).issuer.comparable
    return crl.country, repr(name)


def _refusal(reason: str, certificate: Certificate, sentence: str) -> Refusal:
    return Refusal(reason, _said(certificate), certificate.country, certificate.fingerprint, sentence)


def _said(certificate: Certificate) -> str:
    return ", ".join(value for _, value in certificate.subject.attributes)[:200]
