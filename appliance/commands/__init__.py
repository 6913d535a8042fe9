"""The subcommands of `borne`, one file each: they parse words and print answers, the rooms do the work."""
