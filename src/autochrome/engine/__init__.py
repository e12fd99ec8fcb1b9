"""Training: recipes, the loop, checkpoints and what watches over a run."""
