"""Model v1 in torch: the networks that are trained and exported (extra ``[train]``).

Nothing outside :mod:`codec.model`, :mod:`codec.training` and the tests imports this package, so
that the runtime never loads torch.
"""
