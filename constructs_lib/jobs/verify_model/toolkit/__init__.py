"""What the serving toolkit of the container does with a model's functions."""

MODEL_FOLDER = "/opt/ml/model"
"""Where the serving container has the model."""
