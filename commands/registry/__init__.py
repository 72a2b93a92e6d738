"""The model packages of all regions, for the commands that show or approve them."""
