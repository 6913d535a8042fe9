"""The conformance suite's table and the hands around each device; the tests are in `test_conformance.py`."""
