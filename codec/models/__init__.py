"""Model v1 in torch: the networks that are trained and exported (extra ``[train]``).

Only what needs torch itself imports this package (training, annealing, geodesics, the embedding's training), and
is imported when it is asked for, so that the runtime never loads torch.
"""
