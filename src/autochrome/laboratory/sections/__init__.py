"""The sections of the comparison's report, a module or a package each."""
