"""The second line: referred crossings, and releases to be reviewed, until an officer has closed them."""
