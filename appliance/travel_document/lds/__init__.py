"""The Logical Data Structure of a chip (ICAO Doc 9303-10): its files, and what is in each. Pure."""
