"""What can go wrong with a stick, so that callers branch on the class and people read the sentence."""

# CarryError
# ├── StickFull       no room left: what is on it already is whole, the rest goes on another one
# └── StickBroken     it does not do as it is told, or was pulled out


class CarryError(Exception):
    """What could not be done with the stick, in one plain sentence."""


class StickFull(CarryError):
    """No room is left on the stick."""


class StickBroken(CarryError):
    """The stick does not do as it is told, or was pulled out."""
