"""Records of many posts put together by rule: nothing is overwritten, and what does not fit is a task."""
