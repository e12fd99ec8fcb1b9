"""A study on disk: building its folder, the tables (schema), their rows (ledger), the rules (store)."""
