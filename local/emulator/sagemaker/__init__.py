"""What Amazon SageMaker does, and moto does not."""
