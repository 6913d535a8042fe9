"""Borne's libraries and services: what a border crossing means, above the hardware in `hal`."""

__version__ = "0.1.0"
