"""The page: which scenes are rare, what weights do, what training made of it.

Nothing is imported here: see :mod:`.page`.
"""
