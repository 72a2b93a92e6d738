"""Who calls the embedded AWS, what the call needs, and whether deployed policies allow it."""
