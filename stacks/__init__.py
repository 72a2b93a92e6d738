"""The CloudFormation stacks: network, storage, registries, pipelines."""
