"""What `benchmarks/finger.py` is made of."""
