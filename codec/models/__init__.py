"""Models in torch: what every architecture has, the architectures themselves, and what they share (extra ``[train]``).

Only modules that need torch themselves import this package (training, refinement, geodesics, the embedding's
training). They are imported when they are asked for, so that the runtime never loads torch.
"""
