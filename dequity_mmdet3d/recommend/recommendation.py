"""What a user is told: the recipe, its numbers and its reasons.

Shape letters: C classes, V values of a tag.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dequity_mmdet3d.messages import printable

from .config_lines import Place, check_command, config_lines
from .facts import Facts
from .recipes import Recipe
from .rules import Rule, choose

STUDY = 'docs/study.md'
_NAMED = 3  # scarce classes, and values of a tag, that are named
# The arm that a recipe is to be measured beside, where it is possible.
_RIVALS = ('sampling', 'irfs')


@dataclass(frozen=True)
class Recommendation:
    """One recipe, with everything that speaks for it.

    Args:
        rule (Rule): That chose it.
        facts (Facts): Of the data set.
        table (str): Its likelihood table.
        place (Place): The user's config.
        tags (Mapping[str, Sequence[str]]): By name, of the samples of
            ``facts``; '' where a sample has none.
    """
    rule: Rule
    facts: Facts
    table: str
    place: Place
    tags: Mapping[str, Sequence[str]]

    @property
    def recipe(self) -> Recipe:
        """Recipe: The chosen one."""
        return self.facts.recipes[self.rule.recipe]

    @property
    def command(self) -> str | None:
        """str, optional: What checks it; None where nothing is weighted."""
        names = [name for name in dict.fromkeys(
            ('baseline', self.rule.recipe, *_RIVALS))
            if name in self.facts.recipes]
        if len(names) == 1 or not (
                self.place.weighted or self.rule.recipe != 'baseline'):
            return None
        return check_command([self.facts.recipes[name] for name in names],
                             [self._table_of(name) for name in names],
                             self.place)

    @property
    def config(self) -> list[str]:
        """list[str]: Lines of Python, see :func:`.config_lines`."""
        return config_lines(
            self.recipe, self._table_of(self.rule.recipe), self.place)

    def _table_of(self, name: str) -> str:
        objects = self.facts.objects
        return (objects.table if name == 'objects' and objects is not None
                else self.table)

    def lines(self) -> list[str]:
        """list[str]: For people, ten at most."""
        study = (f'{STUDY}: {self.rule.study}' if self.rule.study else
                 f'{STUDY} has not measured this')
        arm = self.recipe.arm()
        named = [('recipe', arm if arm.startswith(self.rule.recipe) else
                  f'{self.rule.recipe}, that is {arm}'),
                 ('why', f'{self.rule.reason} ({study})'),
                 ('table', self.facts.trust.line),
                 ('draws', self._draws()), ('classes', self._classes()),
                 ('looks', self._looks()), ('tags', self._tags()),
                 *zip(('config', ''), self.config),
                 ('check', self.command)]
        return [f'{name + ":" * bool(name):8} {printable(text)}'
                for name, text in named if text]

    def _draws(self) -> str:
        draws, n = self.recipe.draws, len(self.facts.likelihood)
        if self.rule.recipe == 'baseline':
            return f'each of {n} samples once an epoch'
        often = draws.often
        what = 'drawn' if self.recipe.drawn else 'weighted'
        return (f'of {n} samples an epoch has {draws.distinct:.0f} different '
                f'ones, and counts as {draws.effective:.0f} of equal weight; '
                f'each is {what} {often.min():.2f} to {often.max():.2f} times '
                'on average')

    def _classes(self) -> str:
        facts, looks = self.facts, self.recipe.draws.looks
        if not facts.classes:
            return 'not known; name --config or --ann-file'
        if not facts.judged.any():
            return 'too few objects of each to tell'
        rows = np.flatnonzero(facts.judged)
        if self.rule.recipe == 'baseline':
            before = self.recipe.draws.before
            rows = rows[np.argsort(before[rows], kind='stable')]
            return 'of all objects ' + _named(
                [f'{facts.classes[c]} {before[c]:.1%}' for c in rows])
        order = rows[np.argsort(-looks[rows], kind='stable')]
        gained = [self._class(c) for c in order if looks[c] > 1]
        harmed = int(order[-1])
        text = _named(gained) or 'none gains'
        if looks[harmed] < 1:
            text += f'; loses most: {self._class(harmed)}'
        return f'{text} (of objects, and of those drawn)'

    def _class(self, c: int) -> str:
        draws = self.recipe.draws
        return (f'{self.facts.classes[c]} {draws.before[c]:.1%} to '
                f'{draws.after[c]:.1%}, {draws.looks[c]:.2f} looks each')

    def _looks(self) -> str | None:
        facts, parts = self.facts, []
        rare = facts.rare.mean()
        if not facts.rare.any():
            parts.append('none is rarer than others')
        elif facts.scarcest is not None:
            name, held = facts.classes[facts.scarcest], facts.held
            do = 'hold it' if facts.looks_hold else 'do not hold it'
            parts.append(
                f'the rarest {rare:.0%} of samples have '
                f'{held[facts.scarcest]:.0%} of the scarcest class, {name}: '
                f'rare looks {do}')
        found = facts.rare_objects
        if found is not None:
            do = ('do not hold them' if facts.objects_apart else 'hold them')
            parts.append(f'of rare objects {found[0]:.0%} stand there, of all '
                         f'{found[1]:.0%}: rare looks {do}')
        return '; '.join(parts) or None

    def _tags(self) -> str | None:
        parts = []
        for tag, values in self.tags.items():
            shares = tag_shares(values, self.recipe.draws.often)
            if len(shares) < 2:
                continue
            rarest = sorted(shares, key=lambda v: shares[v])[:_NAMED]
            parts.append(f'{tag} ' + ', '.join(
                f'{v} {shares[v][0]:.1%} to {shares[v][1]:.1%}'
                for v in rarest))
        if parts and not self.facts.trust.tenable:
            parts.append('likelihoods by tags need no looks: dequity '
                         'likelihoods --method tags')
        return '; '.join(parts) or None

    def as_dict(self) -> dict:
        """dict: JSON-able; null for what is not known."""
        facts, draws = self.facts, self.recipe.draws
        found = facts.rare_objects
        return dict(
            recipe=self.rule.recipe,
            arm=self.recipe.arm(),
            numbers=self.recipe.numbers,
            reason=self.rule.reason,
            study=self.rule.study,
            table=dict(tenable=facts.trust.tenable, why=facts.trust.why,
                       line=facts.trust.line),
            samples=len(facts.likelihood),
            effective=draws.effective,
            distinct=draws.distinct,
            rare_part=float(facts.rare.mean()),
            classes={name: dict(
                objects=int(facts.counts[:, c].sum()),
                judged=bool(facts.judged[c]),
                before=float(draws.before[c]), after=float(draws.after[c]),
                looks=(None if np.isnan(draws.looks[c]) else
                       float(draws.looks[c])),
                in_rare_part=float(facts.held[c]))
                for c, name in enumerate(facts.classes)},
            scarcest=(None if facts.scarcest is None else
                      facts.classes[facts.scarcest]),
            looks_hold=facts.looks_hold,
            scarce=[facts.classes[c] for c in facts.scarce],
            rare_objects=None if found is None else dict(
                rare=found[0], all=found[1], apart=facts.objects_apart),
            tags={tag: {value: dict(before=share[0], after=share[1])
                        for value, share in tag_shares(
                            values, draws.often).items()}
                  for tag, values in self.tags.items()},
            possible={name: recipe.numbers
                      for name, recipe in facts.recipes.items()},
            config=self.config,
            check=self.command)


def tag_shares(values: Sequence[str],
               often: np.ndarray) -> dict[str, tuple[float, float]]:
    """What part of the samples, and of an epoch, has each value of a tag.

    Args:
        values (Sequence[str]): (N,); '' for none.
        often (np.ndarray): (N,) of mean 1, see :class:`.Draws`.

    Returns:
        dict[str, tuple[float, float]]: By value.

    Example:
        >>> tag_shares(['sun', 'fog'], np.array([0.5, 1.5]))
        {'sun': (0.5, 0.25), 'fog': (0.5, 0.75)}
    """
    n = len(values)
    drawn: Counter = Counter()
    for value, times in zip(values, often.tolist()):
        drawn[value] += times
    return {value: (count / n, drawn[value] / n)
            for value, count in Counter(values).items() if value}


def recommend(facts: Facts, table: str, place: Place | None = None,
              tags: Mapping[str, Sequence[str]] | None = None
              ) -> Recommendation:
    """The recipe for a data set.

    Args:
        facts (Facts): Of it, see :func:`.facts_of`.
        table, place, tags: See :class:`Recommendation`.

    Returns:
        Recommendation: By the first rule that applies.
    """
    return Recommendation(choose(facts), facts, table, place or Place(),
                          tags or {})


def _named(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return '; '.join(texts[:_NAMED]) + f'; and {more} more' * (more > 0)
