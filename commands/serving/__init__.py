"""The endpoints of a pipeline, for the commands that deploy versions to them and ask them."""
