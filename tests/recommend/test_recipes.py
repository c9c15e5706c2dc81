"""How strong a recipe may be: derived for worlds of two looks."""
import numpy as np
import pytest

from dequity_mmdet3d.compare.arm_names import parse_arm
from dequity_mmdet3d.recommend.draws import draws_by
from dequity_mmdet3d.recommend.recipes import is_bounded, recipes_for
from dequity_mmdet3d.recommend.rules import (
    CAREFUL_ETAS,
    ETAS,
    LEAST_EFFECTIVE,
    MOST_LOST,
)
from dequity_mmdet3d.weight import dequity_weight

from .worlds import (
    ALL,
    BALANCED,
    CARS,
    CLEAR,
    COMMON,
    FLAT,
    HELD,
    RARE,
    SPREAD,
    WORLDS,
    counts,
)


def ratio(eta):
    """How many times as often a rare sample is drawn as a common one."""
    return dequity_weight(0.25, eta) / dequity_weight(1.0, eta)


def test_the_effective_number_bounds_the_floor():
    """Each sample has as many Cars, so that no draws take any away."""
    found = recipes_for(CLEAR, counts(**HELD))['sampling']
    allowed = [eta for eta in ETAS
               if (80 + 20 * ratio(eta))**2 / (80 + 20 * ratio(eta)**2)
               >= 100 * LEAST_EFFECTIVE]
    assert found.settings.eta == allowed[0] and found.settings.gamma == 5
    assert found.draws.looks[0] == pytest.approx(1)


def test_a_class_bounds_the_floor():
    """Pedestrians of common looks are seen 100 / (80 + 20 r) times."""
    seen = recipes_for(CLEAR, counts(**HELD, Pedestrian=(COMMON, 1)))
    allowed = [eta for eta in ETAS
               if 1 - 100 / (80 + 20 * ratio(eta)) <= MOST_LOST]
    found = seen['sampling']
    assert found.settings.eta == allowed[0] > min(ETAS)
    assert found.draws.looks[2] == pytest.approx(
        100 / (80 + 20 * ratio(allowed[0])))
    # 40 objects are too few to be judged
    free = recipes_for(CLEAR, counts(**HELD, Pedestrian=(slice(0, 40), 1)))
    assert free['sampling'].settings.eta < allowed[0]


def test_losses_and_unknown_classes_have_a_high_floor():
    assert recipes_for(CLEAR, counts(**HELD))['equity'].settings.eta == (
        CAREFUL_ETAS[0])
    unknown = recipes_for(CLEAR, counts())
    assert {*unknown} == {'baseline', 'equity', 'sampling'}
    assert unknown['sampling'].settings.eta == CAREFUL_ETAS[0]


def test_repeat_factors_by_hand():
    """f is the root of the share of samples times that of objects; t 1."""
    found = recipes_for(CLEAR, counts(**SPREAD))['irfs']
    car, cyclist = (1000 / 1060)**-0.25, (0.1 * 60 / 1060)**-0.25
    assert found.numbers == {'t': 1.0}
    assert found.draws.looks[1] == pytest.approx(
        100 * cyclist / (10 * cyclist + 90 * car))


def test_what_changes_nothing_is_no_recipe():
    assert {*recipes_for(FLAT, counts(**BALANCED))} == {'baseline'}
    assert 'sampling' not in recipes_for(FLAT, counts(**HELD))
    # 11 % of the samples a little rarer: weights hardly differ
    even = np.repeat([1.0, 0.9], [90, 10])
    assert 'sampling' not in recipes_for(even, counts(**CARS))


def test_what_no_setting_keeps_in_bounds_is_no_recipe():
    """Half of the Cars are where nine tenths of all draws would leave."""
    few = np.repeat([1.0, 0.01], [50, 50])
    found = recipes_for(few, counts(Car=(slice(0, 50), 2)))
    assert 'sampling' not in found and 'equity' not in found


def test_bounds_hold_for_every_recipe():
    for facts, _ in WORLDS.values():
        for recipe in facts.recipes.values():
            assert is_bounded(recipe.draws, facts.counts), recipe.name
    assert not is_bounded(draws_by(CLEAR, counts(Bus=(RARE, 5))),
                          counts(Bus=(RARE, 5)))


def test_arms_are_those_of_compare():
    seen = set()
    for facts, _ in WORLDS.values():
        for name, recipe in facts.recipes.items():
            seen.add(name)
            arm = parse_arm(recipe.arm('a b/t.parquet'))
            assert arm.draws == recipe.drawn
            assert recipe.numbers.items() <= {
                **arm.options}.items() or name == 'baseline'
            assert arm.table == (
                'a b/t.parquet' if recipe.uses_table else None)
    assert seen == {'baseline', 'equity', 'sampling', 'irfs', 'irfs+look',
                    'objects'}


def test_one_class_has_no_other_to_lose_to():
    found = recipes_for(CLEAR, counts(Car=(ALL, 1)))
    assert 'irfs' not in found and 'sampling' in found
