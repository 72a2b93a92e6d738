"""What TorchServe and the serving toolkit give to a model's functions, wherever they are called."""
