"""How a new version takes over on endpoints: what SageMaker can do, and what goes together."""
