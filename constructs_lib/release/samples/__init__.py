"""Sample requests of the user's own: files in a folder, with the answers that are expected."""
