"""`uplink`: the only service on the network; it carries sealed records out and signed data in."""
