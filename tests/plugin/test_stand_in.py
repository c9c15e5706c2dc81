"""A name stands for something else, and comes back."""
import re
from types import SimpleNamespace

import pytest

from dequity_mmdet3d.plugin.stand_in import stand_in
from tests.helpers import ROOT


def test_for_the_context_alone():
    module = SimpleNamespace(add=max)
    with stand_in(module, 'add', min) as value:
        assert value is min is module.add
    assert module.add is max
    with pytest.raises(ZeroDivisionError), stand_in(module, 'add', min):
        raise ZeroDivisionError
    assert module.add is max


def test_a_name_that_upstream_has_not():
    module = SimpleNamespace()
    with pytest.raises(AttributeError), stand_in(module, 'add', min):
        pass
    assert not vars(module)


def test_no_mock_in_the_package():
    """``unittest.mock`` is for tests: a training says what it changes."""
    found = [path for path in (ROOT / 'dequity_mmdet3d').rglob('*.py')
             if re.search(r'\bmock\b', path.read_text(encoding='utf-8'))]
    assert found == []
