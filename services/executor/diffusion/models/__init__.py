"""Model modules whose parameter names are the names in LDM checkpoints."""
