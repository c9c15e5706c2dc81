"""Rows of all samples in one tensor, by whatever tells whose they are."""
import pytest
import torch

from dequity_mmdet3d.weighting.attribution import (
    join_layouts,
    map_tensors,
    weight_predictions,
)
from dequity_mmdet3d.weighting.gradient import BatchWeights
from dequity_mmdet3d.weighting.rows import (
    Equal,
    Lengths,
    Numbered,
    Offsets,
    find_rule,
    rules_in,
)

B = 3
COUNTS = (3, 5, 4)
NUMBERS = [0] * 3 + [1] * 5 + [2] * 4


class Sample:
    """Something with ``items``, as data samples have."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def items(self):
        return vars(self).items()


def numbers(b):
    return torch.tensor([n for n in NUMBERS if n < b])


def coordinates(b, column):
    rows = torch.full((sum(COUNTS[:b]), 4), 7)
    rows[:, column] = numbers(b)
    return rows


def ends(b, start):
    counts = [0] * start + list(COUNTS[:b])
    return torch.tensor(counts).cumsum(0)


def masks(b):
    return [Sample(gt=Sample(mask=torch.zeros(n))) for n in COUNTS[:b]]


TELLING = {
    'numbers': (numbers, Numbered(('it', ))),
    'coordinates': (lambda b: coordinates(b, 0), Numbered(('it', ), 0)),
    'batch last': (lambda b: coordinates(b, -1), Numbered(('it', ), -1)),
    'float': (lambda b: coordinates(b, 0).float(), Numbered(('it', ), 0)),
    'ends': (lambda b: ends(b, 0), Offsets(('it', ))),
    'offsets': (lambda b: ends(b, 1), Offsets(('it', ))),
    'list': (lambda b: [torch.zeros(n, 2) for n in COUNTS[:b]],
             Lengths(('it', ))),
    'samples': (masks, Lengths(('it', ), ('gt', 'mask'))),
}


def found(make, equal=False):
    less, more = (rules_in(dict(it=make(b), y=torch.zeros(b, 4)), b)
                  for b in (B - 1, B))
    return find_rule(sum(COUNTS[:-1]), sum(COUNTS), less, more, B, equal)


@pytest.mark.parametrize('name', TELLING)
def test_what_tells(name):
    make, rule = TELLING[name]
    assert found(make) == rule
    # and in a step with other counts
    other = (2, 0, 6)
    value = {
        'numbers': torch.tensor([0] * 2 + [2] * 6),
        'ends': torch.tensor([2, 2, 8]),
        'offsets': torch.tensor([0, 2, 2, 8]),
        'list': [torch.zeros(n) for n in other],
        'samples': [Sample(gt=Sample(mask=torch.zeros(n))) for n in other],
    }.get(name)
    if value is None:
        value = torch.full((8, 4), 7.0)
        value[:, rule.column] = torch.tensor([0.] * 2 + [2] * 6)
    told = rule(dict(it=value), torch.zeros(8, 4), B)
    assert told.tolist() == [0] * 2 + [2] * 6


def test_numbers_hold_in_any_order():
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    rule = Numbered(('it', ))
    turned = numbers(B)[order]
    assert rule.counts(dict(it=turned), B) == COUNTS
    assert torch.equal(rule(dict(it=turned), None, B), turned)


@pytest.mark.parametrize('it', [
    torch.tensor([4, 0, 1]),  # labels
    torch.tensor([0.5] * 12),
    torch.zeros(12, dtype=torch.bool),
    torch.tensor([3, 2, 9]),  # no offsets: they fall
    torch.tensor([1, 2, 3, 4]),  # the first is not 0
    [torch.zeros(2), torch.zeros(2)],  # of two samples
    [torch.zeros(())] * 3,
])
def test_what_does_not_tell(it):
    assert rules_in(dict(it=it), B) == {}


def test_labels_of_rows_are_no_sample_numbers():
    """Two classes and two samples: counts must hold without the last, too."""
    labels = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
    less, more = (rules_in(dict(y=labels[:n]), b) for n, b in ((3, 1), (8, 2)))
    assert find_rule(3, 8, less, more, 2) is None


def test_two_that_contradict_each_other_tell_nothing():
    less, more = (rules_in(dict(
        one=[torch.zeros(n) for n in counts],
        other=[torch.zeros(n) for n in turned]), len(counts))
        for counts, turned in (((3, 5), (5, 3)), ((3, 5, 4), (5, 3, 4))))
    assert find_rule(8, 12, less, more, 3) is None


def test_equal_rows_where_nothing_tells():
    nothing = {}
    assert find_rule(8, 12, nothing, nothing, 3) is None
    rule = find_rule(8, 12, nothing, nothing, 3, equal=True)
    assert rule == Equal(frozenset([4]))
    assert rule({}, torch.zeros(8), 2).tolist() == [0] * 4 + [1] * 4
    # of 3 + 5 + 4 rows two samples have no two thirds of nine
    assert find_rule(8, 13, nothing, nothing, 3, equal=True) is None
    # what tells counts more
    lists = [rules_in(dict(it=[torch.zeros(n) for n in counts]), len(counts))
             for counts in ((3, 5), (3, 5, 4))]
    assert found(lambda b: [torch.zeros(n) for n in COUNTS[:b]],
                 equal=True) == Lengths(('it', ))
    assert find_rule(8, 12, *lists, 3, equal=True) == Lengths(('it', ))


@pytest.mark.parametrize('rule, match', [
    (Equal(frozenset([4])), 'has 13 rows, but 4 rows a sample, as in the '
     'first batch, tells of 12 in this batch of 3 samples'),
    (Lengths(('it', )), 'the length of each it.i tells of 12'),
])
def test_a_count_that_does_not_fit(rule, match):
    arguments = dict(z=torch.zeros(13, 2, requires_grad=True),
                     it=[torch.zeros(n) for n in COUNTS])
    with pytest.raises(ValueError, match=match):
        weight_predictions(arguments, {('z', ): rule}, BatchWeights([1, 2, 3]))


def test_an_axis_that_does_not_fit():
    arguments = dict(z=torch.zeros(2, 4, requires_grad=True))
    with pytest.raises(ValueError, match='has not 3 entries, one a sample'):
        weight_predictions(arguments, {('z', ): 0}, BatchWeights([1, 2, 3]))


def test_calls_that_agree():
    equal = [Equal(frozenset([k])) for k in (2, 8)]
    assert join_layouts({1: 0, 2: 1, 3: equal[0], 4: 0},
                        {1: 0, 2: 0, 3: equal[1], 5: 1}) == {
        1: 0, 2: None, 3: Equal(frozenset([2, 8])), 4: 0, 5: 1}
    both = Equal(frozenset([2, 8]))
    for k in (2, 8):
        assert both({}, torch.zeros(2 * k), 2).tolist() == [0] * k + [1] * k


def test_gradients_of_rows():
    z = torch.zeros(sum(COUNTS), 2, requires_grad=True)
    scaled = weight_predictions(
        dict(z=z, it=numbers(B)), {('z', ): Numbered(('it', ))},
        BatchWeights([0.25, 1.0, 0.5]))
    scaled['z'].sum().backward()
    assert z.grad[:, 0].tolist() == [0.25] * 3 + [1] * 5 + [0.5] * 4


class Sparse:
    """What spconv's tensors have."""

    def __init__(self, features, indices):
        self.features, self.indices = features, indices

    def replace_feature(self, features):
        return Sparse(features, self.indices)


def test_sparse_tensors_are_walked_through():
    z = torch.zeros(12, 2, requires_grad=True)
    sparse = Sparse(z, coordinates(B, 0))
    rules = rules_in(dict(x=sparse), B)
    rule = Numbered(('x', 'indices'), 0)
    assert rules[rule] == COUNTS
    scaled = weight_predictions(
        dict(x=sparse), {('x', 'features'): rule},
        BatchWeights([0.25, 1.0, 0.5]))['x']
    assert scaled is not sparse and scaled.indices is sparse.indices
    scaled.features.sum().backward()
    assert z.grad[:, 1].tolist() == [0.25] * 3 + [1] * 5 + [0.5] * 4
    assert map_tensors(lambda x, _: None, sparse) is sparse
