"""What was learned: model files, each with its card and its inference."""
