"""Measurements of the codec. ``EXPERIMENTS.md`` is the ledger of training experiments."""
