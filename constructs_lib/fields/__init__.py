"""Rules of fields, of configs and of settings alike, in the words of whoever writes the files."""
