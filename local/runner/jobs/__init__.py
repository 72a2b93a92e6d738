"""What steps run: jobs and functions as child processes, models, and their data."""
