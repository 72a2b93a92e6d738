"""SageMaker's pipeline definition language: facts and walks over plain JSON.

steps         the steps of a definition, those in branches too
expressions   pipeline variables: what is known only when the pipeline runs
references    what a ``Get`` is made of
dependencies  what a step waits for, and steps that wait for each other
service_calls the calls that SageMaker makes for a step
step_calls    what those work on, read from the arguments of a step
caching       which arguments decide whether an earlier result is used again
variables     ``${Name}`` in a text, which CloudFormation replaces
canonical     the one text of a JSON value

Knows no builders and no configs, so that everything that reads a definition can use it.
"""
