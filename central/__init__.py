"""The reference receiver: verifies, stores, acknowledges; and the wire contract."""
