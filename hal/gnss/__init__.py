"""Satellite receivers (GNSS) that say the time on a serial line."""
