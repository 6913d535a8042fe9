"""How the MRZ networks were made: from nothing but a typeface, numbers and a seed. Never on the image."""
