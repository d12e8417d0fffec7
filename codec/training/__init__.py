"""Training, evaluation and export of model v1 (extra ``[train]``)."""
