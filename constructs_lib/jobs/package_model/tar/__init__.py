"""Tar archives: their headers, members and rules of writing, and where members stand."""
