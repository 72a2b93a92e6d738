"""Replay: the same requests to two versions of a model on this machine, and how they differ."""
