"""The files of a release: archives, payloads, where they are, and whether they will do."""
