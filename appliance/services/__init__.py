"""The four services: each with little authority, each a systemd unit."""
