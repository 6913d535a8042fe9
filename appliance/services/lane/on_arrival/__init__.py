"""Visas on arrival: the application at the booth, the second line's decision, the label."""
