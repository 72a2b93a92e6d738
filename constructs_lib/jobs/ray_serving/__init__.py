"""What lies beside ``code/`` in an archive that Ray Serve's container serves."""
