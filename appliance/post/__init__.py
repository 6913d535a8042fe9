"""The boxes of one post: what they say to each other, who belongs to it, and its own authority."""
