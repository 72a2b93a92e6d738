"""Policies, statements, and what they name."""
