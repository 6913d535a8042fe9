"""Biometrics: what a face or a finger is worth as a picture, and how alike two of them are."""
