"""One name of one module, another value for a while.

Some upstream functions look a name up in their module at each call and take
no argument in its place. Where what they do has to differ for one call, this
says which name, for how long, and puts it back.
"""
import contextlib


@contextlib.contextmanager
def stand_in(owner, name, value):
    """A context in which ``owner.name`` is another value.

    The change is seen by the whole process, so nothing else may use the
    name meanwhile.

    Args:
        owner (module | type): Where the name is looked up.
        name (str): An attribute that is there already.
        value (object): What stands there within the context.

    Raises:
        AttributeError: If upstream no longer has the name, so that the
            change would be without effect.
    """
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield value
    finally:
        setattr(owner, name, before)
