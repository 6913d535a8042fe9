"""What can go wrong with records, so that callers branch on the class and people read the sentence."""

# RecordsError
# ├── StorageError            the journal's disk or file
# │   ├── StorageFull         no room: nothing is lost, the same step can be tried again
# │   ├── StorageBroken       the disk or the database does not do as it is told
# │   └── JournalBusy         another process holds this journal
# ├── EnvelopeError           bytes that are no record, or not one of ours
# └── WatermarkError          bytes that are no acknowledgement, or not one for us


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


class EnvelopeError(RecordsError):
    """Bytes that are no record, or are not what their reader expects."""


class WatermarkError(RecordsError):
    """Bytes that are no acknowledgement, or not one for this journal."""
