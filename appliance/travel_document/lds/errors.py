"""What the bytes of a chip, a certificate or a seal could not be: one tree, no traveller's data in any
message."""

# EmrtdError                  also the root of what a chip did (`appliance.chip.errors`)
# └── Malformed               bytes that no reading of the standard allows
#     ├── LimitExceeded       well-formed, but larger, deeper or longer than any honest document needs
#     └── UnsupportedEncoding a form of the standard that is not read here


class EmrtdError(Exception):
    """What an electronic document could not do or be, in one plain sentence without a traveller's data."""


class Malformed(EmrtdError):
    """Bytes that no reading of the standard allows."""


class LimitExceeded(Malformed):
    """Larger, deeper or longer than any honest document needs."""


class UnsupportedEncoding(Malformed):
    """A form of the standard that is not read here."""
