"""What the serving toolkit of the container does with a model's functions."""
