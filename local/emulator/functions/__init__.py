"""Lambda functions of the embedded AWS: their own code, run in child processes."""
