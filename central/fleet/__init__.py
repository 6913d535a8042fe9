"""The fleet: what boxes say of themselves, alerts, and signed commands to them."""
