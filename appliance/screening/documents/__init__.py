"""Documents, vehicles and visas by number: an index of keyed hashes for 200 million, read a page at a
time. Pure."""
