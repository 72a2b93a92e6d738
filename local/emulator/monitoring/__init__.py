"""Amazon CloudWatch: alarms that are evaluated, metrics of endpoints, and log streams."""
