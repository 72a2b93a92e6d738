"""What commands share on a terminal: options, help, tables, exit codes, places."""
