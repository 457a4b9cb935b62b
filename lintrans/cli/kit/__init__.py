"""What commands are made of: groups of options, ranges, files, answers. No science."""
