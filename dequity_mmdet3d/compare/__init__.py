"""Arms x seeds: the same training with and without equity, compared.

``arms`` makes the configs, ``runs`` trains and evaluates what is missing,
``run_folder`` reads and writes what lies in the comparison's folder,
``statistics`` and ``summary`` say what came out. Trains by the tools alone,
as a user would.
"""
