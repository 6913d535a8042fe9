"""`capture`: devices and bytes from strangers; it has no lasting key and no way to the network."""
