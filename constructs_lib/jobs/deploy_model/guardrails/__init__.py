"""What takes a version back that passed verification: the alarms of its deployment."""
