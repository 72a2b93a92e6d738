"""Stands for a model's inference code."""
