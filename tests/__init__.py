"""The tests. A package, because one of the same name comes with a dependency and would win."""
