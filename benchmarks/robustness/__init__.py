"""Whether any image comes back wrong: ``python -m benchmarks robustness``."""
