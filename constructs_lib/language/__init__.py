"""SageMaker's pipeline definition language: facts and walks over plain JSON."""
