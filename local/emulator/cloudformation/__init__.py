"""CloudFormation for the embedded AWS: templates, stacks, and one handler per resource type.

moto's own CloudFormation skips what it does not know, replaces where AWS updates, and cannot roll
back; so this one stands in for it. It reaches every other service as CloudFormation itself does:
through the service's public API.
"""
