"""What can go wrong with records, so that callers branch on the class and people read the sentence."""

# RecordsError
# ├── StorageError            the journal's disk or file
# │   ├── StorageFull         no room: nothing is lost, the same step can be tried again
# │   ├── StorageBroken       the disk or the database does not do as it is told
# │   ├── JournalBusy         another process holds this journal
# │   └── KeyNotChanged       the box's signing key is the same as before
# ├── EnvelopeError           bytes that are no record, or not one of ours
# │   └── Erased              a record whose key was destroyed or whose body was given up
# ├── WatermarkError          bytes that are no acknowledgement, or not one for us
# ├── CommandError            bytes that are no command, or not one that this box obeys
# ├── ManifestError           bytes that are no list of keys, or not one that is believed here
# └── CounterError            the hardware counter does not answer


class RecordsError(Exception):
    """What could not be done with records, in one plain sentence."""


class StorageError(RecordsError):
    """The journal's disk or file."""


class StorageFull(StorageError):
    """There is no room left."""


class StorageBroken(StorageError):
    """The disk or the database does not do as it is told."""


class JournalBusy(StorageError):
    """Another process holds this journal."""


class KeyNotChanged(StorageError):
    """The box's signing key is the same as before."""


class EnvelopeError(RecordsError):
    """Bytes that are no record, or are not what their reader expects."""


class Erased(EnvelopeError):
    """A record of ours that nobody can read any more: its key was destroyed, or its body given up."""


class WatermarkError(RecordsError):
    """Bytes that are no acknowledgement, or not one for this journal."""


class CommandError(RecordsError):
    """Bytes that are no command of central's operator, or not one that this box obeys."""


class ManifestError(RecordsError):
    """Bytes that are no list of keys, or not one that is believed here."""


class CounterError(RecordsError):
    """The hardware counter does not answer."""
