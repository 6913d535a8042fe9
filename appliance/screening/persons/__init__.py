"""Persons on lists: entries, the index of a million names, evidence, search. Pure over opened lists."""
