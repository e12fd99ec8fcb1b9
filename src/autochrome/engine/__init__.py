"""Training: recipes, the loop, checkpoints and validation."""
