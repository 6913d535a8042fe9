"""What `face.py` is made of: intervals, the station in a process of its own, peers, degradation."""
