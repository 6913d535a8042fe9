"""Simulated chips, travellers and misbehaviours: for demo, tests and training; refused in production."""
