"""Fingers: features, quality and comparison of ridge pictures, and the records of ISO/IEC 19794-2 and
19794-4."""
