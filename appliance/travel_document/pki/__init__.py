"""Keys, certificates, signed objects and whom to trust (ICAO Doc 9303-12). Pure: bytes in, values out."""
