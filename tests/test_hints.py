"""Public classes and the modules for everybody carry complete hints.

mypy checks that hints are right (``make lint``); this, that they are there.
"""
import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'dequity_mmdet3d'
FILES = sorted(PACKAGE.rglob('*.py'))


def functions(file):
    """(name, node, is a method) of what needs hints in a file."""
    tree = ast.parse(file.read_text(encoding='utf-8'))
    complete = file.parent == PACKAGE or 'weighting' in file.parts
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and complete:
            yield node.name, node, False
        if isinstance(node, ast.ClassDef) and node.name[0] != '_':
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and (
                        complete or method.name[0] != '_'
                        or method.name.endswith('__')):
                    yield f'{node.name}.{method.name}', method, True


def missing(node, method):
    """Names of arguments without a hint; 'return' where that has none."""
    static = any(getattr(d, 'id', '') == 'staticmethod'
                 for d in node.decorator_list)
    args = node.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg,
             args.kwarg]
    every = [a for a in every if a is not None]
    found = [a.arg for a in every[method and not static:]
             if a.annotation is None]
    # an __init__ with arguments need not say that it returns None
    if node.returns is None and not (node.name == '__init__' and every[1:]):
        found.append('return')
    return found


@pytest.mark.parametrize('file', FILES, ids=lambda file: str(
    file.relative_to(PACKAGE)))
def test_hints_are_complete(file):
    bare = {name: missing(node, method)
            for name, node, method in functions(file)}
    assert not {name: found for name, found in bare.items() if found}


def test_a_missing_hint_is_seen():
    tree = ast.parse('class A:\n'
                     ' def __init__(self, a, *, b: int): pass\n'
                     ' @staticmethod\n'
                     ' def f(x, y: int): pass\n'
                     ' def g(self) -> int: pass\n').body[0]
    assert [missing(m, True) for m in tree.body] == [
        ['a'], ['x', 'return'], []]


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / 'py.typed').is_file()
