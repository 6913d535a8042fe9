"""Advance lists in the lane: taken, screened, matched at the booth, forgotten."""
