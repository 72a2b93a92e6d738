"""Deployments of approved versions in three emulated regions, under faults."""
