"""What the jobs that are shipped as archives share."""
