"""Which rule applies where, and what it rests on."""
import re
from dataclasses import replace

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.clustering import Clustering
from dequity_mmdet3d.likelihood.estimation.diagnosis import diagnose
from dequity_mmdet3d.likelihood.estimation.stability import Repeats
from dequity_mmdet3d.recommend.facts import facts_of
from dequity_mmdet3d.recommend.recipes import RECIPES
from dequity_mmdet3d.recommend.rules import RULES, UNTENABLE, choose
from dequity_mmdet3d.recommend.trust import trust
from tests.helpers import ROOT

from .worlds import (
    BALANCED,
    CARS,
    CLEAR,
    COMMON,
    FLAT,
    HELD,
    NO,
    RARE,
    SPREAD,
    WORLDS,
    YES,
    rare_objects,
    world,
)


@pytest.mark.parametrize('name', WORLDS)
def test_worlds(name):
    facts, recipe = WORLDS[name]
    rule = choose(facts)
    assert rule.recipe == recipe and rule.recipe in facts.recipes


def test_every_rule_is_some_world_s_and_the_last_is_for_all():
    assert [choose(facts) for facts, _ in WORLDS.values()] == [*RULES]
    assert RULES[-1].applies(WORLDS['held'][0])


def test_rules_name_recipes_and_sections_of_the_study():
    text = (ROOT / 'docs/study.md').read_text(encoding='utf-8')
    sections = re.findall(r'^#+ (.*)$', text, re.MULTILINE)
    for rule in RULES:
        assert rule.recipe in RECIPES
        assert rule.study is None or rule.study in sections
    assert any(rule.study for rule in RULES)


def test_flat_tables():
    assert choose(world(FLAT)).recipe == 'baseline'
    assert choose(world(FLAT, **BALANCED)).recipe == 'baseline'
    assert choose(world(FLAT, **SPREAD)).recipe == 'irfs'
    assert choose(world(FLAT, **CARS)).recipe == 'baseline'
    assert not world(FLAT, **SPREAD).rare.any()


def test_looks_that_cannot_be_trusted_are_not_used():
    for facts, _ in WORLDS.values():
        rule = choose(replace(facts, trust=NO, keep_order=False))
        assert rule.recipe in ('baseline', 'irfs', 'objects')


def test_the_scarcest_class_and_where_it_stands():
    facts = world(**HELD, Bus=(slice(99, 100), 1))
    # one Bus is no class to judge by
    assert facts.classes[facts.scarcest] == 'Cyclist'
    assert facts.rare.tolist() == [False] * 80 + [True] * 20
    assert facts.held.tolist() == [0.2, 1, 1]
    assert facts.looks_hold
    assert not world(**SPREAD).looks_hold
    assert world(**SPREAD).scarce == [1]
    assert not world(**BALANCED).scarce
    assert world(**CARS).scarcest is None


@pytest.mark.parametrize('where, there, apart', [(COMMON, 0, True),
                                                 (RARE, 1, False)])
def test_where_rare_objects_stand(where, there, apart):
    facts = world(objects=rare_objects(where), **SPREAD)
    # of the others every fifth sample, of which a fifth is rare
    all_there = (0.2 * 40 + there * 20) / 60
    assert facts.rare_objects == pytest.approx((there, all_there))
    assert facts.objects_apart == apart
    assert choose(facts).recipe == ('objects' if apart else 'irfs')


def test_no_object_is_rare_where_all_are_alike():
    alike = replace(rare_objects(RARE), likelihood=np.ones(60))
    facts = facts_of(CLEAR, YES, objects=alike)
    assert facts.rare_objects is None and not facts.objects_apart


def diagnosis(correlation, n=100):
    labels = np.repeat([0, 1], [n - n // 5, n // 5])
    found = diagnose(Clustering(labels, {}), CLEAR[-n:], Repeats(
        [correlation], [2], [0.2] * 10, [0.01] * 10))
    return dict(diagnosis=found.as_dict())


def test_trust_is_the_diagnosis_s():
    good, bad = trust(diagnosis(0.99)), trust(diagnosis(0.5))
    assert good.tenable and good.line == (
        'sizes of clusters, stability 0.99: tenable')
    assert not bad.tenable and 'not tenable (unstable)' in bad.line
    assert {*bad.why} & {*UNTENABLE} == {'unstable'}


def test_what_hinders_nobody_is_told():
    drives = dict(diagnosis(0.99), groups=dict(drives=3, largest=90))
    assert trust(drives).tenable
    assert trust(drives).line.endswith(
        'tenable; mind one drive (dequity report says what to do)')


@pytest.mark.parametrize('metadata', [
    {}, dict(diagnosis=None), dict(diagnosis=[1]), dict(diagnosis={}),
    dict(diagnosis=dict(samples='a', clusters=[], largest=0, rare=0,
                        lone=0)),
    dict(diagnosis(0.5), groups=7)])
def test_anybody_s_metadata(metadata):
    assert trust(metadata).tenable
    assert trust(metadata).line.startswith('no diagnosis')
