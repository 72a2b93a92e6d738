"""What a model answers: shown, and compared with what is declared and expected."""
