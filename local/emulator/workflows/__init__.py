"""AWS Step Functions: deployed state machines, run by moto's interpreter as their roles."""
