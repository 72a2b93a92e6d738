"""Commands for the author of a pipeline's folder: no AWS is needed."""
