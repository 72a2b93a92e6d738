"""What AWS holds and publishes, as any of its clients reads it.

registry        the model packages that a pipeline registers
cloud_assembly  the stacks of a synthesized app
resource_types  the schemas that CloudFormation publishes

Knows no builders and no configs: commands, the comparison and the embedded AWS read the same way.
"""
