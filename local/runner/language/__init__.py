"""The pipeline definition language, as the runner interprets it."""
