"""Processes that have imported what is costly before anybody asks: a copy for each that asks."""
