"""What is said: ten lines at most, a config that reads, a command."""
import ast
import json
import shlex
from dataclasses import replace

import pytest

from dequity_mmdet3d.commands.compare import parse_args
from dequity_mmdet3d.compare.arm_names import parse_arm
from dequity_mmdet3d.compare.arms import arm_config
from dequity_mmdet3d.config_files import read_config
from dequity_mmdet3d.recommend.config_lines import Place, place_in
from dequity_mmdet3d.recommend.recommendation import recommend
from dequity_mmdet3d.weighted_config import PLUGIN

from .worlds import HELD, NO, WORLDS, rare_objects, world

TAGS = dict(light=['day'] * 80 + ['night'] * 15 + [''] * 5)
STOCK = Place('configs/x.py')
WEIGHTED = Place('configs/x.py', 1, 't.parquet', True)


@pytest.mark.parametrize('name', WORLDS)
@pytest.mark.parametrize('place', [Place(), STOCK, WEIGHTED])
def test_ten_lines_and_the_same_as_json(name, place):
    found = recommend(WORLDS[name][0], 't.parquet', place, TAGS)
    lines = found.lines()
    assert len(lines) <= 10
    assert lines[0].startswith(f'recipe:  {found.rule.recipe}')
    data = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert data['recipe'] == found.rule.recipe
    assert data['samples'] == 100
    assert 'baseline' in data['possible']
    if data['check']:
        assert lines[-1].endswith(data['check'])
        args = parse_args(shlex.split(data['check'])[2:])
        assert args.arms[0] == 'baseline' and data['arm'] == parse_arm(
            args.arms[0 if found.rule.recipe == 'baseline' else 1].split(
                ',table=')[0]).name
    for line in data['config']:
        ast.parse(line)


def test_the_figures_are_those_of_the_world():
    found = recommend(world(**HELD), 't.parquet', WEIGHTED, TAGS)
    often = found.recipe.draws.often
    text = '\n'.join(found.lines())
    assert f'{often[0]:.2f} to {often[-1]:.2f} times' in text
    assert f'Cyclist 5.7% to {60 * often[-1] / (1000 + 60 * often[-1]):.1%}' \
        in text
    assert 'the rarest 20% of samples have 100% of the scarcest class, ' \
        'Cyclist: rare looks hold it' in text
    assert f'light night 15.0% to {15 * often[-1]:.1f}%, day 80.0%' in text
    assert '(docs/study.md: Result)' in text


def test_without_trust_tags_are_a_way():
    text = '\n'.join(recommend(
        world(trust=NO, **HELD), 't.parquet', None, TAGS).lines())
    assert 'not tenable (unstable)' in text and '--method tags' in text
    assert 'has not measured this' in text


def test_lines_of_a_stock_config():
    place = STOCK
    found = recommend(world(**HELD), 'a/t.parquet', place)
    first, second = found.config
    eta = found.recipe.settings.eta
    assert first.startswith("_base_ = ['./x.py']; default_hooks = dict(")
    assert first.endswith('  # configs/x_dequity.py')
    assert second == (
        f"train_dataloader = dict(sampler=dict(type='{PLUGIN}.DequitySampler'"
        f"), dataset=dict(_delete_=True, type='{PLUGIN}.DequityDataset', "
        f"table='a/t.parquet', eta={eta}, gamma=5.0, "
        'dataset=_base_.train_dataloader.dataset))')
    # which is the config that the check compares, by the table it has
    assert found.command == (
        'dequity compare configs/x_dequity.py --arms baseline '
        f'sampling:eta={eta},gamma=5 irfs:t=1 --seeds 0 1 2 3 4')


def test_lines_of_a_weighted_config():
    same = recommend(world(**HELD), './t.parquet', WEIGHTED)
    eta = same.recipe.settings.eta
    assert same.config[1] == (
        "train_dataloader = dict(sampler=dict(type='DequitySampler'), "
        f'dataset=dict(dataset=dict(eta={eta}, gamma=5.0)))')
    other = recommend(world(**HELD), 'b.parquet', WEIGHTED)
    assert "dict(table='b.parquet', eta=" in other.config[1]
    assert f'sampling:eta={eta},gamma=5,table=b.parquet' in other.command
    assert other.command.startswith('dequity compare configs/x.py --arms')


def test_losses_need_no_sampler_and_a_baseline_no_lines():
    ordered = recommend(world(keep_order=True, **HELD), 't.parquet', STOCK)
    assert 'Sampler' not in ordered.config[1]
    nothing = recommend(WORLDS['nothing'][0], 't.parquet', STOCK)
    assert nothing.config == [] and nothing.command is None


def test_objects_bring_their_table():
    facts = WORLDS['rare objects in common looks'][0]
    found = recommend(facts, 't.parquet', WEIGHTED)
    assert found.lines()[0].startswith(
        'recipe:  objects, that is sampling:eta=')
    eta = found.recipe.settings.eta
    assert found.command.split()[5:-6] == [
        f'sampling:eta={eta},gamma=5,table=o.parquet',
        f'sampling:eta={eta},gamma=5', 'irfs:t=1']
    # where the config has the objects' table, the other arm names its own
    found = recommend(facts, 't.parquet', STOCK)
    assert found.command.split()[5:-6] == [
        f'sampling:eta={eta},gamma=5',
        f'sampling:eta={eta},gamma=5,table=t.parquet', 'irfs:t=1']
    assert "table='o.parquet'" in found.config[1]
    assert 'rare looks do not hold them' in '\n'.join(found.lines())


def test_an_id_or_a_tag_steers_no_terminal():
    tags = dict(light=['\x1b[2J'] * 100)
    lines = recommend(world(**HELD), 't.parquet', None, tags).lines()
    assert all(line.isprintable() for line in lines)


def wrapped(inner, **more):
    return dict(type='RepeatDataset', times=2, dataset=dict(
        type='DequityDataset', table='t.parquet', dataset=inner, **more))


def test_where_a_config_has_its_weights():
    inner = dict(type='KittiDataset')
    assert place_in('c.py', inner) == Place('c.py')
    assert place_in('c.py', wrapped(inner)) == Place(
        'c.py', 1, 't.parquet', True)
    assert place_in('c.py', wrapped(inner, content='rfs')).own == dict(
        content='rfs')
    listed = place_in('c.py', dict(
        type='ConcatDataset', datasets=[wrapped(inner)]))
    assert listed == Place('c.py', None, 't.parquet', True)
    lines = recommend(world(**HELD), 't.parquet', listed).config
    assert lines[0].startswith('# in the DequityDataset of c.py: eta=')
    assert len(lines) == 2 and 'Sampler' in lines[1]


def test_what_a_config_has_besides_is_undone():
    """Or look and classes would be multiplied, and not compared."""
    place = Place('x.py', 0, 't.parquet', True,
                  dict(content='rfs', form='inverse'))
    found = recommend(world(**HELD), 't.parquet', place)
    eta = found.recipe.settings.eta
    assert found.config[1].endswith(
        f"dataset=dict(eta={eta}, gamma=5.0, content=None, form='equity'))")
    assert found.command.split()[5:-6] == [
        f'sampling:eta={eta},gamma=5,content=none,form=equity', 'irfs:t=1']
    # the lines for classes set them; the arm by look takes them out
    found = recommend(WORLDS['spread'][0], 't.parquet', STOCK)
    assert "t=1.0, content='irfs', form='none', dataset=" in found.config[1]
    assert found.command.split()[5:-6] == ['irfs:t=1', (
        f'sampling:eta={eta},gamma=5,content=none,form=equity,table=t.parquet')
    ]
    for arm in found.command.split()[4:-6]:
        parse_arm(arm)


def test_a_world_of_objects_in_rare_looks_says_so():
    facts = replace(WORLDS['spread'][0], objects=rare_objects(
        slice(80, 100)))
    assert 'stand there, of all' in '\n'.join(
        recommend(facts, 't.parquet').lines())


@pytest.mark.parametrize('name', [
    n for n, (_, recipe) in WORLDS.items() if recipe != 'baseline'])
def test_the_lines_read_and_the_arms_can_be_made_of_them(name, tmp_path):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    stock = tmp_path / 'x.py'
    stock.write_text(
        "train_dataloader = dict(dataset=dict(type='KittiDataset'), "
        "sampler=dict(type='DefaultSampler', shuffle=True))\n"
        "default_hooks = dict(timer=dict(type='IterTimerHook'))\n")
    found = recommend(WORLDS[name][0], 't.parquet', Place(str(stock)))
    child = tmp_path / 'x_dequity.py'
    assert found.config[0].endswith(f'# {child}')
    child.write_text('\n'.join(found.config))
    config = read_config(child)
    assert {*config.default_hooks} == {'timer', 'dequity'}
    dataset = config.train_dataloader.dataset
    assert dataset.dataset.type == 'KittiDataset'
    assert found.recipe.options.items() <= dict(dataset).items()
    made = {}
    for text in shlex.split(found.command)[4:-6]:
        arm = parse_arm(text)
        made[text] = arm_config(config, arm).train_dataloader
    first, chosen, *others = made.values()
    assert first.dataset.type == 'KittiDataset'
    # the arm of the recipe is the config as it stands
    assert dict(chosen.dataset) == dict(dataset)
    assert chosen.sampler.type.endswith('DequitySampler') == (
        found.recipe.drawn)
    for other in others:
        assert dict(other.dataset) != dict(dataset)
