"""The post's own network: what its boxes tell each other, by way of one of them, with no line to central."""
