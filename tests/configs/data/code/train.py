"""Stands for a model's training code."""
