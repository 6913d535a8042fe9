"""Secure messaging and what it stands on (ICAO Doc 9303-11, 9.7 and 9.8): commands, ciphers, keys, sessions.

For those who talk to a chip (`appliance.chip`) and those who judge what it answered (`lane`). Pure.
"""
