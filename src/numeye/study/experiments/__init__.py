"""The experiments: each file has one question, names its steps and runs them."""
