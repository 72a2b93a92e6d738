"""Moves a pipeline to another serving container: its file, its code, and its answers on both."""
