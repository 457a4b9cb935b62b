"""The commands, a file for every group of them, and the options that several groups share."""
