"""The gate for all that arrives signed: verify, decrypt, version, age, install (promise 3)."""
