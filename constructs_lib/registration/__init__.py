"""What is registered of a model, and the documents about it."""
