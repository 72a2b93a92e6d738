"""Amazon CloudWatch: alarms that are evaluated, and the metrics of endpoints."""
