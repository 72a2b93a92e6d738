"""For development and tests: an embedded AWS, and a runner of pipelines on it."""
