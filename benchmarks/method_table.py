"""The Markdown table of compare_methods.py: families by methods."""
import numpy as np


def table(scores, families, methods, seeds):
    """Lines of the table; each family as soon as it is done.

    Args:
        scores (Callable): From (family, seed, method) to a dict of floats:
            scores, in the order in which a cell shows them, and 'seconds'.
        families (list[str]): Names, a row each.
        methods (list[str]): Names, a column each.
        seeds (Callable): Number of seeds of a method.

    Yields:
        str: A line.
    """
    yield '| family | ' + ' | '.join(methods) + ' |'
    yield '| --- ' * (len(methods) + 1) + '|'
    results = {m: {} for m in methods}
    for name in families:
        # seed by seed, so that a draw serves all methods
        runs = {m: [] for m in methods}
        for seed in range(max(map(seeds, methods))):
            for m in methods:
                if seed < seeds(m):
                    runs[m].append(scores(name, seed, m))
        texts = []
        for m in methods:
            results[m][name], text = cell(runs[m])
            texts.append(text)
        yield f'| {name} | ' + ' | '.join(texts) + ' |'
    columns = [summary(results[m]) for m in methods]
    for title in columns[0]:
        yield f'| **{title}** | ' + ' | '.join(c[title]
                                               for c in columns) + ' |'


def cell(runs):
    """Mean scores of one method on one family, and their text."""
    means = {key: mean([r[key] for r in runs]) for key in runs[0]}
    text = ' / '.join(f'{means[k]:.2f}' for k in means if k != 'seconds')
    if any(np.isnan(r.get('rho', 0)) for r in runs):
        text += ' (constant)'
    return means, f'{text} / {means["seconds"]:.1f} s'


def mean(values):
    """NaN is a constant estimate, which orders nothing: 0, not left out."""
    return float(np.mean(np.nan_to_num(values)))


def summary(results):
    """Rows over all families: {family: means} of one method -> texts."""

    def values(key):
        return [(r[key], name) for name, r in results.items() if key in r]

    def average(key, form='{:.3f}'):
        some = [v for v, _ in values(key)]
        return form.format(np.mean(some)) if some else '-'

    def worst(pick, key):
        some = values(key)
        return '{:.2f} ({})'.format(*pick(some)) if some else '-'

    return {
        'mean rho': average('rho'),
        'min rho': worst(min, 'rho'),
        'mean gap': average('gap'),
        'mean auroc': average('auroc'),
        'mean spread, nothing rare': average('spread'),
        'max spread, nothing rare': worst(max, 'spread'),
        'mean seconds': average('seconds', '{:.1f}')
    }
