"""The endpoints of a pipeline and its versions, for the commands that deploy and compare them."""
