"""The `autochrome` command: one file for each subcommand, imported when it is called."""
