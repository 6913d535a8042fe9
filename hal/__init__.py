"""Hardware only: devices, their states and their errors. Knows nothing of travellers."""
