"""Photos in and out: files, colour profiles, metadata. Speaks numpy, never torch."""
