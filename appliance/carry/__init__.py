"""Records and signed data on a USB stick, both ways, when there is no network: `docs/wire/usb-carry.md`."""
