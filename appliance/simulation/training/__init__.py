"""Training: scripted travellers before a real box, what was right for each, and a score."""
