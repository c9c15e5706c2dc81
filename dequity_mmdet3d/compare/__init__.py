"""Arms x seeds: the same training with and without equity, compared.

``arms`` makes the configs, ``runs`` trains and evaluates what is missing,
``statistics`` and ``summary`` say what came out. Trains by the tools alone,
as a user would.
"""
