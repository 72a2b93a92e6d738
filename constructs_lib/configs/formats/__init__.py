"""What config files look like in each of the formats they exist in, and what differs of them."""
