"""Statistics in central: the facts of every crossing, SQL views over them, and frozen releases."""
