"""Compiles pipelines: a light parent, and a child process that imports the SageMaker SDK."""
