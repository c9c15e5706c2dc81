"""Which recipe a data set asks for, and why.

Figures of the data set (:mod:`.draws`, :mod:`.recipes`, :mod:`.facts`), the
rules that choose by them (:mod:`.recommend.rules`), and what a user is told
(:mod:`.recommendation`, :mod:`.config_lines`). :mod:`.inputs` reads the files.
"""
