"""A study's results: figures, document, export."""
