"""JSON of any origin."""
import pytest

from dequity_mmdet3d.json_files import NUMBER, fields_of, parse_json, read_json


@pytest.mark.parametrize('text, says', [
    (b'[' * 100_000, 'nested too deep'), (b'{', 'Expecting'),
    (b'\xff', 'utf-8'), (b'[' * 4 + b']' * 4, 'deeper than 3 levels'),
    (b'{"a": {"a": {"a": {}}}}', 'deeper than 3 levels'),
    (b'9' * 5000, 'digits')])
def test_what_is_refused(tmp_path, text, says):
    with pytest.raises(ValueError, match=says):
        parse_json(text, 3)
    (tmp_path / 'a.json').write_bytes(text)
    if 'levels' not in says:
        with pytest.raises(ValueError, match=says):
            read_json(tmp_path / 'a.json')


def test_levels():
    assert parse_json('[[[1, {}]]]', 4) == [[[1, {}]]]
    assert parse_json('7', 1) == 7


@pytest.mark.parametrize('data, says', [
    ([], 'a dict, but is list'), ({}, "has no 'steps'"),
    (dict(steps='7'), "'steps' must be int or float, but is str"),
    (dict(steps=True), 'but is bool'), (dict(steps=2**63), 'but is int')])
def test_fields(data, says):
    with pytest.raises(ValueError, match=says):
        fields_of(data, dict(steps=NUMBER))
    assert fields_of(dict(steps=7, more='x'), dict(steps=NUMBER))
