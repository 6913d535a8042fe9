"""Whether a chip's files are genuine, and the chip that gave them (ICAO Doc 9303-11, 5 and 6): judged, from
bytes.

Nothing here talks to a chip: what was asked of it and what it answered is evidence, and the verdicts follow.
"""
