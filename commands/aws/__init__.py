"""Commands that work on an AWS: the real one, or with ``--local`` the embedded one."""
