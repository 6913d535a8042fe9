"""What is in force: the policy and the trust anchors that central signed, taken up while the box works.

A policy that came through the gate goes before the one that the box was provisioned with. The gate looks at
both before they are installed; what is damaged on the card since then leaves the last good ones standing, and
the screen says so.
"""

import logging
import threading
from pathlib import Path
from typing import Final

from appliance.config import ConfigError
from appliance.reference_data.errors import Refused
from appliance.reference_data.installer import ContentCheck
from appliance.reference_data.sealed import ContentType
from appliance.reference_data.store import ReferenceStore
from appliance.reference_data.trust_folder import TrustUnavailable, take_over
from appliance.services.lane.policy import Policy, read_policy

UNREADABLE: Final = "signed_data_unreadable"
"""Notice: what central signed lies damaged on this box; it should be sent again."""

log = logging.getLogger(__name__)


class InForce:
    """The policy as it stands; `look` takes up what is new. Safe to use from several threads."""

    def __init__(
        self, provisioned: Policy, *, signed: ReferenceStore, trust: Path, trust_check: ContentCheck
    ) -> None:
        self.policy = provisioned
        self.notices: tuple[str, ...] = ()
        self._signed = signed
        self._trust = trust
        self._trust_check = trust_check
        self._version = 0
        self._lock = threading.Lock()

    def look(self) -> bool:
        """Whether there is a new policy or new trust anchors."""
        with self._lock:
            return self._look()

    def _look(self) -> bool:
        troubles: list[str] = []
        changed = False
        for take in (self._take_policy, self._take_trust):
            try:
                changed |= take()
            except (Refused, ConfigError, TrustUnavailable) as error:
                troubles.append(str(error))
        notices = (UNREADABLE,) if troubles else ()
        if notices != self.notices:
            self.notices, changed = notices, True
            for sentence in troubles:
                log.error("%s", sentence)
        return changed

    def _take_policy(self) -> bool:
        standing = self._signed.standing(ContentType.POLICY)
        if standing is None or standing.version == self._version:
            return False
        self.policy = read_policy(self._signed.content(standing))
        self._version = standing.version
        log.info("the policy is now %s", self.policy.label)
        return True

    def _take_trust(self) -> bool:
        return take_over(self._trust, self._signed, self._trust_check)
