"""The rules: when which recipe, why, and what in docs/study.md says so.

Everything that a study may change stands here: the bounds, the grids and the
order of the rules. The rest of the part only counts.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .facts import Facts

# A recipe is as strong as these bounds let it be. In the study the floor 0.1
# took 10 % of the Pedestrians' looks, and 4 AP; the floor 1, 2 % and none.
MOST_LOST = 0.05  # of the looks that an epoch has at any class
LEAST_EFFECTIVE = 0.5  # effective number of samples, over all samples

# What is tried, the strongest first. A floor below 1 is for draws, and where
# classes are known: as weights of losses it cost Pedestrians 11 AP in the
# study.
ETAS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0)
CAREFUL_ETAS = (1.0, 2.0, 4.0)
GAMMA = 5.0
TS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.03, 0.01, 0.003, 0.001)

RARE_PART = 1 / 3  # of the samples, or of a class's objects, are called rare
ENOUGH = 50  # objects, from which a class is judged by its share
# A class is scarce if balancing by classes (irfs) looks at it so often.
SCARCE = 1.25
# Rare looks hold a class if they have this many times their own share of it.
HOLDS = 1.5
# Rare objects stand in rare looks if these have this many times the share of
# them that they have of all objects.
TOGETHER = 1.2
# What is wrong with a table whose likelihoods are not to be used; what else a
# diagnosis advises is told, and hinders nobody.
UNTENABLE = ('few samples', 'all alike', 'unstable', 'few drives',
             'upside down')


@dataclass(frozen=True)
class Rule:
    """One of ``RULES``.

    Args:
        applies (Callable): From :class:`.Facts` to bool.
        recipe (str): Of :data:`.recipes.RECIPES`.
        reason (str): For people.
        study (str, optional): The section of docs/study.md that supports it.
            None where the study has not measured it.
    """
    applies: Callable[[Facts], bool]
    recipe: str
    reason: str
    study: str | None = None


# The first that applies.
RULES = (
    Rule(lambda f: f.keep_order and f.look and 'equity' in f.recipes,
         'equity',
         'samples are to come in their own order, so their losses are '
         'weighted, with a high floor: a low one cost the classes of common '
         'scenes much',
         'More arms'),
    Rule(lambda f: f.keep_order,
         'baseline',
         'samples are to come in their own order, and their looks tell no '
         'weights that could be trusted'),
    Rule(lambda f: f.look and f.looks_hold and bool(f.left_behind)
         and 'irfs+look' in f.recipes,
         'irfs+look',
         'rare looks hold the scarcest class, but not every scarce one: '
         'drawn by look alone, the others would be seen less'),
    Rule(lambda f: f.look and f.looks_hold,
         'sampling',
         'rare looks hold the scarcest class, and drawing them more often '
         'did better than weighting their losses',
         'Result'),
    Rule(lambda f: f.objects_apart and 'objects' in f.recipes,
         'objects',
         'rare objects stand in common looks, so samples are drawn by their '
         'objects'),
    Rule(lambda f: bool(f.scarce),
         'irfs',
         'classes are scarce, and looks do not tell where they are: draw by '
         'classes'),
    Rule(lambda f: f.look and not f.has_classes,
         'sampling',
         'some looks are rare, and drawing them more often did better than '
         'weighting their losses',
         'Result'),
    Rule(lambda f: f.look,
         'baseline',
         'classes are in balance, and spread evenly over looks: there is '
         'nothing to balance'),
    Rule(lambda f: True,
         'baseline',
         'no class is scarce, and looks tell no weights that could be '
         'trusted'),
)


def choose(facts: Facts) -> Rule:
    """The first rule that applies.

    Args:
        facts (Facts): Of the data set.

    Returns:
        Rule: Whose recipe is among ``facts.recipes``.
    """
    return next(rule for rule in RULES if rule.applies(facts))
