"""Photos in and out: files, color profiles, metadata. Speaks numpy, never torch."""
