"""Serving approved versions: what the functions of a deployment are told."""
