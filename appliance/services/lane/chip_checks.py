"""What a chip's evidence says: its reading, its access, and every authentication, judged from the raw
bytes."""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping

from appliance.clock import CARRIED_MARGIN, TimeQuality, wall_of
from appliance.contracts.capture import ChipEvidence
from appliance.contracts.checks import Check, Verdict
from appliance.contracts.movement import Stamp
from appliance.reference_data.trust_folder import TrustFolder, TrustUnavailable
from appliance.services.lane.workflow import ChipProofs
from appliance.travel_document import Mrz
from appliance.travel_document.authentication.facts import (
    AccessAttempt,
    AccessFacts,
    ActiveAuthenticationFacts,
    ChipAuthenticationFacts,
    ChipFacts,
    ChipMappingFacts,
)
from appliance.travel_document.authentication.finding import Finding, Moment
from appliance.travel_document.authentication.passive import authenticate
from appliance.travel_document.authentication.report import IDS, judge_chip
from appliance.travel_document.pki.trust_store import TrustStore

CHIP_CHECKS = (*IDS, "chip.portrait")
"""What is said to be not done when no chip was read."""

log = logging.getLogger(__name__)


def moment_of(stamp: Stamp, floor: dt.datetime) -> Moment:
    """Now, as far as the clock can be trusted (promise 4)."""
    quality = TimeQuality(stamp.quality)
    margin = dt.timedelta() if quality.sure else CARRIED_MARGIN if quality is TimeQuality.CARRIED else None
    return Moment(max(wall_of(stamp), floor), margin, floor)


def trusted(folder: TrustFolder) -> TrustStore:
    """Whom the box trusts now; nobody while the store cannot be read, which every check then says."""
    try:
        return folder.store()
    except TrustUnavailable as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it all
        return TrustStore()


def chip_findings(
    chip: ChipEvidence, proofs: ChipProofs | None, mrz: Mrz | None, *, store: TrustStore, moment: Moment
) -> Iterator[Check]:
    """Every check of a chip that was read."""
    yield Check(
        id="chip.read",
        verdict=Verdict.PASS if "DG1" in chip.files else Verdict.CANNOT,
        reason="read" if "DG1" in chip.files else "chip_error",
        evidence={
            "access": chip.access,
            "files": sorted(chip.files),
            "not_read": chip.not_read,
            "transport": chip.transport,
            "apdus": chip.apdus,
            "block_bytes": chip.block_bytes,
        },
    )
    for finding in judge_chip(facts_of(chip, proofs), store, moment, page=mrz).findings:
        yield check_of(finding)
    yield _portrait_check(chip)


def verify_ahead(files: Mapping[str, bytes], store: TrustStore, moment: Moment) -> None:
    """Check the signatures of what has been read so far; they are not computed again when the rest has
    come."""
    authenticate(ChipFacts(files=files), store, moment)


def facts_of(chip: ChipEvidence, proofs: ChipProofs | None) -> ChipFacts:
    """capture's evidence, with lane's own word on what was proved."""
    signed, run = None, None
    if proofs is not None:
        if chip.signature is not None:
            signed = ActiveAuthenticationFacts(proofs.challenge, chip.signature, chip.signature_status)
        made = proofs.chip_authentication
        if made is not None:
            run = ChipAuthenticationFacts(
                made.outcome, made.protocol, made.public_key, made.inferred, made.status_word
            )
    return ChipFacts(
        files=chip.files,
        not_read=chip.not_read,
        access=AccessFacts(
            chip.access,
            chip.pace_offered,
            tuple(
                AccessAttempt(one.protocol, one.password, one.outcome, one.step, one.status_word)
                for one in chip.attempts
            ),
        ),
        active_authentication=signed,
        chip_authentication=run,
        chip_mapping=None
        if chip.mapping is None
        else ChipMappingFacts(chip.mapping.curve, chip.mapping.mapping_key, chip.mapping.chip_data),
    )


def check_of(finding: Finding) -> Check:
    return Check(
        id=finding.id, verdict=Verdict(finding.verdict), reason=finding.reason, evidence=finding.evidence
    )


def _portrait_check(chip: ChipEvidence) -> Check:
    if chip.portrait is not None:
        return Check(id="chip.portrait", verdict=Verdict.PASS, reason="decoded")
    if "DG2" not in chip.files:
        return Check(id="chip.portrait", verdict=Verdict.NOT_DONE, reason="chip_not_read")
    return Check(
        id="chip.portrait",
        verdict=Verdict.CANNOT,
        reason="undecodable",
        evidence={"problem": chip.portrait_problem or ""},
    )
