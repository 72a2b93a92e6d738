"""What ``doctor`` checks: this machine, and the account."""
