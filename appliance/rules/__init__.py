"""Rules that come signed: which document serves whom, and how long who may stay. Pure."""
