"""What a comparison leaves behind is what is read of it."""
import json

import pytest

from dequity_mmdet3d.compare import run_folder
from dequity_mmdet3d.compare.logs import DamagedRun
from dequity_mmdet3d.compare.run_folder import Comparison, folder_of


def test_names_of_folders(tmp_path):
    assert folder_of('equity:eta=0.5,gamma=2') == 'equity_eta=0.5,gamma=2'
    assert folder_of('a/b c') == 'a_b_c'
    comparison = Comparison(tmp_path, {'x:y': 'x_y'}, (7, ))
    folder = comparison.folder('x:y', 7)
    assert folder == tmp_path / 'x_y/seed_7'
    assert run_folder.config_path(folder) == tmp_path / 'x_y/seed_7.py'


def test_comparison_is_read_as_written(tmp_path):
    out = tmp_path / 'new'
    assert not Comparison.is_in(out)
    with pytest.raises(FileNotFoundError, match='comparison.json'):
        Comparison.read(out)
    # the baseline is the first, whatever its name
    comparison = Comparison(out, {'z': 'z', 'a': 'a'}, (3, 1))
    comparison.write()
    assert Comparison.is_in(out)
    assert list(Comparison.read(out).arms) == ['z', 'a']
    assert Comparison.read(out) == comparison


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"arms": 3, "seeds": [1]}',
                                  '{"arms": {}, "seeds": ["x"]}'])
def test_damaged_comparison(tmp_path, text):
    (tmp_path / 'comparison.json').write_text(text)
    with pytest.raises(ValueError, match='comparison.json is not of .*--table'
                       '-only'):
        Comparison.read(tmp_path)


def test_results_of_what_is_finished(tmp_path):
    comparison = Comparison(tmp_path, {'a': 'a', 'b': 'b'}, (0, 1))
    result = dict(arm='b', seed=1, metrics={'x': 0.1, 'y': float('inf')},
                  steps=3, seconds=1.5, checkpoint='c.pth')
    folder = comparison.folder('b', 1)
    folder.mkdir(parents=True)
    assert comparison.results() == {}
    run_folder.write_result(folder, result)
    assert comparison.results() == {('b', 1): result}


@pytest.mark.parametrize('text', ['', '{"metrics": ', '[1]', '{}',
                                  '{"metrics": [1]}'])
def test_damaged_result(tmp_path, text):
    (tmp_path / 'result.json').write_text(text)
    with pytest.raises(ValueError, match='result.json is damaged .*remove it'):
        run_folder.read_result(tmp_path)


def test_trained(tmp_path):
    assert run_folder.read_trained(tmp_path) is None
    (tmp_path / 'last_checkpoint').write_text('/else/where/iter_9.pth\n')
    run_folder.write_trained(tmp_path, 12.34)
    assert run_folder.read_trained(tmp_path) == (tmp_path / 'iter_9.pth', 12.3)


@pytest.mark.parametrize('text', [
    b'', b'x', b'iter_9.pth', b'iter_9.pth x', b'iter_9.pth nan', b' 3.0',
    b'../../iter_9.pth 3.0', b'/iter_9.pth 3.0', b'.. 3', b'\xff\xfe',
    'iter_9.pth \u0663'.encode(), b'9' * 5000])
def test_damaged_trained(tmp_path, text):
    (tmp_path / 'trained').write_bytes(text)
    with pytest.raises(DamagedRun, match='/trained is damaged .*a checkpoint '
                       'and seconds.*remove it, and the training goes on'):
        run_folder.read_trained(tmp_path)


@pytest.mark.parametrize('line, says', [
    ('{"loss": 1}', "has no 'step'"),
    ('{"loss": 1, "step": "x"}', "'step' must be int, but is str"),
    ('{"loss": 1, "step": NaN}', "'step' must be int, but is float")])
def test_a_loss_without_its_step(tmp_path, line, says):
    log = tmp_path / '1' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(f'{{"loss": 1, "step": 10}}\n{line}\n')
    with pytest.raises(DamagedRun, match=f'scalars.json, line 2, .*{says}'):
        run_folder.last_step(tmp_path)


def test_scalars_of_a_resumed_and_killed_training(tmp_path):
    assert run_folder.last_step(tmp_path) == 0
    for part, text in (('2', '{"loss": 2, "step": 20}\n{"loss": 1'),
                       ('1', '{"loss": 3, "step": 10}\n5\n{"step": 99}\n')):
        log = tmp_path / part / 'vis_data/scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text(text)
    assert run_folder.read_scalars(tmp_path) == [
        dict(loss=3, step=10), dict(step=99), dict(loss=2, step=20)]
    # a line of an evaluation has no loss
    assert run_folder.last_step(tmp_path) == 20


def test_evaluation(tmp_path):
    assert run_folder.read_evaluation(tmp_path) is None
    for name, value in (('20260101_1', 1), ('20260101_2', 2)):
        path = tmp_path / 'test' / name / f'{name}.json'
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(dict(AP=value, time=3, data_time=1,
                                        name='x')))
    assert run_folder.read_evaluation(tmp_path) == {'AP': 2.0}


def test_last_line(tmp_path):
    log = tmp_path / 'x.log'
    log.write_bytes(b'one\n  two \xff\n\n')
    assert run_folder.last_line(log) == 'two \ufffd'
    log.write_text('\n')
    assert run_folder.last_line(log) == 'it said nothing'


@pytest.mark.parametrize('said, says', [
    (dict(arms={'a': '../../x'}, seeds=[1]), "'arms' must be names of fold"),
    (dict(arms={'a': '..'}, seeds=[1]), "'arms' must be names of folders"),
    (dict(arms={'a': 'a'}, seeds=[1.5]), "'seeds' must be integers"),
    (dict(arms={'a': 'a'}), "has no 'seeds'")])
def test_a_comparison_stays_in_its_folder(tmp_path, said, says):
    (tmp_path / 'comparison.json').write_text(json.dumps(said))
    with pytest.raises(ValueError, match=f'comparison.json is not .*{says}'):
        Comparison.read(tmp_path)


@pytest.mark.parametrize('text, says', [
    ('{"metrics": {}}', "has no 'steps'"),
    ('{"metrics": {}, "steps": 1, "seconds": "x"}', "'seconds' must be int"),
    ('{"metrics": {"a": []}, "steps": 1, "seconds": 1}',
     "metric 'a' is no number, but list"),
    ('{"metrics": {"\\u001b[2J": 1}, "steps": 1, "seconds": 1}',
     r"metric '.x1b.2J' is no line of text"),
    ('[' * 100_000, 'nested too deep'), ('[]', 'must be a dict')])
def test_a_result_says_which_field_is_wrong(tmp_path, text, says):
    (tmp_path / 'result.json').write_text(text)
    with pytest.raises(ValueError, match=f'result.json is damaged .*{says}'):
        run_folder.read_result(tmp_path)


def test_figures_and_scalars_of_others(tmp_path):
    (tmp_path / 't' / 'vis_data').mkdir(parents=True)
    (tmp_path / 't' / 't.json').write_text('[' * 100_000)
    with pytest.raises(ValueError, match='t.json is not finished, or damaged'):
        run_folder.read_test(tmp_path)
    (tmp_path / 't' / 't.json').write_text('{"a": 1, "b": "x", "c": 1e400}')
    assert run_folder.read_test(tmp_path) == dict(a=1.0, c=float('inf'))
    (tmp_path / 't' / 'vis_data' / 'scalars.json').write_bytes(
        b'{"loss": 1}\n\xff\n' + b'[' * 100_000 + b'\n{"loss": 2}\n')
    assert run_folder.read_scalars(tmp_path) == [dict(loss=1), dict(loss=2)]
