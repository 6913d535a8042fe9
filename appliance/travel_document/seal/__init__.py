"""Visible digital seals (ICAO Doc 9303-13): signed barcodes on visas and on papers without a chip. Pure."""
