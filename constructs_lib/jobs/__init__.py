"""Scripts that run inside SageMaker jobs and Lambda; they import nothing of the app."""
