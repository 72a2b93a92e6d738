"""One builder per step, over the SageMaker Python SDK."""
