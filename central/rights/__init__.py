"""One person's rights: find, export, correct, restrict, erase; every use journaled with its purpose."""
