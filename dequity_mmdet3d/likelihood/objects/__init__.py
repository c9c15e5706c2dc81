"""How common each annotated object looks in its class.

A rare look is not a rare object: here the objects are looked at one by one,
and a sample is as common as its objects, see docs/objects.md.
"""
