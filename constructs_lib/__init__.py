"""Configs, step builders, the pipeline definition and the construct that deploys it."""
