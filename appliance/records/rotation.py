"""The box's signing key is changed, so that a power cut at any step leaves one key that counts.

1. The new key is written, as the one that is to come (`signing-next`). Cut here, the next start gives it up.
2. The journal commits the record of the change, signed by both keys. From here on the new key counts.
3. The new key takes the place of the old one, then its public half, and `signing-next` goes. Cut here, the
   next start does the rest.

Nothing is sent in between: uplink reads the journal only when no transaction is open, and the step behind the
commit belongs to it.
"""

import logging
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from nacl.signing import SigningKey

from appliance import cose
from appliance.contracts.movement import RECORD_TYPE_KEY_CHANGE, Stamp
from appliance.key_files import KeyFileError
from appliance.records.chain import KEY_CHANGE, Sealer, append, last_change
from appliance.records.database import read_meta
from appliance.records.errors import KeyNotChanged
from appliance.records.keys import BoxKeys, KeyFolder

MAX_REASON: Final = 200
log = logging.getLogger(__name__)


def prepare(keys: BoxKeys) -> SigningKey:
    """Step 1.

    Raises:
        KeyNotChanged: there is no place for it.
    """
    try:
        return home_of(keys).prepare()
    except KeyFileError as error:
        raise KeyNotChanged(str(error)) from error


def record_change(
    connection: sqlite3.Connection, sealer: Sealer, new: SigningKey, *, said: Mapping[str, Any], stamp: Stamp
) -> int:
    """Step 2, in the caller's transaction: an alert, so that central knows the new key before what it signs.

    `said` is who wanted it, and why.
    """
    old_kid, new_kid = (cose.key_id(key.verify_key) for key in (sealer.keys.signing, new))
    return append(
        connection,
        sealer,
        crossing=f"{KEY_CHANGE}{int(read_meta(connection)['last_seq']) + 1}",
        record_type=RECORD_TYPE_KEY_CHANGE,
        body={"old": old_kid, "new": new_kid, **said},
        stamp=stamp,
        alert=True,
        next_key=new,
    )


def adopt(keys: BoxKeys, new: SigningKey) -> None:
    """Step 3, right behind the commit. What the disk refuses now, the next start does."""
    keys.signing = new
    try:
        home_of(keys).finish(new)
    except KeyFileError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it all


def settle(connection: sqlite3.Connection, keys: BoxKeys, *, write: bool) -> None:
    """At a start: which key counts by the journal, after a change that was cut; `write` ends the change."""
    if keys.home is None:
        return
    try:
        change = last_change(connection)
        coming = keys.home.next()
        if change is not None and coming is not None and change.new == coming.verify_key:
            keys.signing = coming
        if change is not None and change.new != keys.signing.verify_key:
            log.error("the journal names another signing key than this box has: central will refuse it")
        if write:
            keys.home.finish(keys.signing)
    except KeyFileError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it all


def home_of(keys: BoxKeys) -> KeyFolder:
    """Where the keys lie.

    Raises:
        KeyNotChanged: nowhere.
    """
    if keys.home is None:
        raise KeyNotChanged("The box's keys lie in no folder: they cannot be changed.")
    return keys.home
