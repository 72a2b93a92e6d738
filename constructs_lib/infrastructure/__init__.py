"""CDK constructs that stacks compose."""
