"""Amazon SageMaker endpoints that answer: models, configurations, fleets, deployments.

moto knows endpoints by name only: they are in service at once, and answer nothing. Here an endpoint
reads its model's artifact as the model's execution role, runs the model's code in processes of its
own, and comes and goes by the states that the service documents::

    service.py      the calls: create, update, describe, delete
    stored.py       models and configurations, as they were given
    listing.py      the lists of them, and of endpoints
    endpoint.py     one endpoint: its state, what serves it and what is coming
    rollout.py      a configuration comes into service, step by step, or goes back
    policies.py     how traffic moves: the steps of a DeploymentConfig
    artifact.py     what a container needs, read with the model's execution role
    fleet.py        the process of a production variant
    invocations.py  InvokeEndpoint
    capture.py      requests and answers that are kept in Amazon S3
"""
