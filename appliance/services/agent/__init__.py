"""`agent`: health, and later clock, updates, provisioning and self-test; it sees no traveller."""
