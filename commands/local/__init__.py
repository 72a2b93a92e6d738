"""Commands that start the embedded AWS, or release models there."""
