"""What serves an approved version: the workflow of a deployment, its function, rules and guard."""
