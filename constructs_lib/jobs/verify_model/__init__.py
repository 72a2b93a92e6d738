"""Let a packaged model answer its own sample payloads, as its serving container would.

Runs as a SageMaker Processing job in the inference image, and on a developer's machine: Python 3.8
or later and its standard library; NumPy and PyTorch only where the model's code, or the serving
toolkit's default in its place, needs them::

    verify_model.zip --model model.tar.gz --payload payload.tar.gz --request registration.json
                     --output evaluation/evaluation.json     # the job; without: findings on screen

    archive -> serving layout -> Worker processes (the model's code) -> payloads, load -> evaluation

The model's code runs in child processes only. It is called as ``sagemaker_inference.Transformer``
and ``sagemaker_pytorch_serving_container`` call it, in the environment of the container.
"""
