"""Patterns that somebody should look at: counted by written rules, each result with its rule and records."""
