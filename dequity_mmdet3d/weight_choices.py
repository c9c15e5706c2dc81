"""The words of the settings of weights; imports nothing, for commands."""
REPEATS = ('rfs', 'irfs')
COUNTED = ('effective', 'inverse', 'sqrt-inverse')
CONTENTS = (*REPEATS, *COUNTED)
FORMS = ('equity', *COUNTED, 'none')
