"""What the page says, as plain data for its template and its script.

Shape letters: N samples of the table, P of them on the page, V distinct
likelihoods, G clusters.
"""
import os
from urllib.parse import quote

import numpy as np

from dequity_mmdet3d.json_files import NUMBER, is_of
from dequity_mmdet3d.likelihood.estimation.text_names import names_of
from dequity_mmdet3d.messages import first_five

from .tags import UNTOLD, tag_data

_CLUSTERS_IN_CHART = 20
# Distinct likelihoods up to which each is on the page as it is; more are
# rounded to four digits, of which the page shows three.
_DISTINCT = 20_000
_PARTS = 64  # numbers that stand for the likelihoods of a cluster
_BAD_SHOWN = 50
_LONG = 10_000  # characters of a fact


def chart_data(table, catalog, rows, xy, eta, gamma, tags=()):
    """Numbers behind the charts: all N samples count in them.

    Args:
        table (LikelihoodTable): N samples.
        catalog (Catalog): Of them.
        rows (np.ndarray): (P,) those that are shown one by one.
        xy (np.ndarray, optional): (P, 2) in [0, 1], the map.
        eta, gamma (float): Where the sliders stand.
        tags (Sequence[TagCodes]): Of the N samples.

    Returns:
        dict: JSON-able. Per distinct likelihood: 'p' (V), 'n' (V) samples,
        'classes' with (V) objects each. 'clusters': 'id' of the
        largest with 'p' and 'n', which likelihoods how many of their samples
        have, and 'rest' in one. Per shown sample: 'id', 'value' (index
        into 'p'), 'cluster', 'xy' and 'objects' by class. 'tenths' and
        'deviation': see :class:`.Diagnosis`; None where they are not known.
        'tags': see :func:`.tags.tag_data`, for the clusters and the rest.
        'names': of clusters, see :func:`.text_names.names_of`.
    """
    likelihood = table.likelihood
    if len(np.unique(likelihood)) > _DISTINCT:
        likelihood = _four_digits(likelihood)
    p, value, n = np.unique(
        likelihood, return_inverse=True, return_counts=True)
    tenths, deviation = _moved(table.metadata.get('diagnosis'))
    value = value.reshape(-1)
    shown, left = _in_chart(table)
    groups = [table.cluster_id == c for c in shown]
    return dict(
        eta=eta,
        gamma=gamma,
        p=p.tolist(),
        n=n.tolist(),
        classes={
            name: np.bincount(value, counts, len(p)).astype(int).tolist()
            for name, counts in catalog.objects.items()
        },
        clusters=_clusters(table),
        tags=tag_data(tags, rows, groups + [left] * bool(left.any())),
        untold=UNTOLD,
        names=names_of(table.metadata),
        tenths=tenths,
        deviation=deviation,
        id=table.sample_id[rows].tolist(),
        value=value[rows].tolist(),
        cluster=table.cluster_id[rows].tolist(),
        xy=None if xy is None else np.round(xy, 4).tolist(),
        objects={name: counts[rows].tolist()
                 for name, counts in catalog.objects.items()})


def _moved(diagnosis):
    """'tenths' and 'deviation' of a diagnosis, None twice where these are not
    numbers that the page can reckon with.
    """
    found = [diagnosis.get(name) if isinstance(diagnosis, dict) else None
             for name in ('tenths', 'deviation')]
    fine = all(isinstance(part, list) and part and all(
        is_of(x, NUMBER) and 0 <= x <= 1 for x in part) for part in found)
    return found if fine and len(found[0]) == len(found[1]) else (None, None)


def skipped(metadata):
    """list[str]: Ids of samples without a usable image."""
    found = metadata.get('skipped')
    return [i for i in found if isinstance(i, str)] if isinstance(
        found, list) else []


def _in_chart(table):
    """The largest clusters, rarest last, and (N,) whether in none of them."""
    ids, n = np.unique(table.cluster_id, return_counts=True)
    ids, n = ids[ids >= 0], n[ids >= 0]
    shown = ids[np.argsort(-n, kind='stable')[:_CLUSTERS_IN_CHART]]
    return shown, np.isin(table.cluster_id, shown, invert=True)


def _clusters(table):
    """The largest clusters, rarest last, and the others together."""
    shown, left = _in_chart(table)
    parts = [_distribution(table.likelihood[table.cluster_id == c])
             for c in shown]
    p, count = _distribution(table.likelihood[left])
    return dict(
        id=shown.tolist(),
        p=[p for p, _ in parts],
        n=[n for _, n in parts],
        rest=dict(clusters=table.n_clusters - len(shown),
                  singletons=int((table.cluster_id < 0).sum()),
                  p=p, n=count))


def _distribution(likelihood):
    """tuple[list, list]: Likelihoods, and how many samples have each; 64 of
    them at most, means of as many samples each where there are more.
    """
    p, n = np.unique(likelihood, return_counts=True)
    if len(p) > _PARTS:
        parts = np.array_split(np.sort(likelihood), _PARTS)
        p, n = (np.array(x) for x in zip(
            *((part.mean(), len(part)) for part in parts)))
    return p.tolist(), n.tolist()


def _four_digits(p):
    """(N,) likelihoods with four digits that count."""
    unit = 10.0**(3 - np.floor(np.log10(p)))
    return np.minimum(np.round(p * unit) / unit, 1.0)


def _short(value):
    text = str(value)
    return text if len(text) <= _LONG else f'{text[:_LONG]} ...'


def links(paths, page):
    """Where a browser finds files, seen from the page.

    Args:
        paths (Sequence[str]): Files.
        page (Path): Folder of the page.

    Returns:
        list[str]: Relative URLs, which begin with ``./`` or ``../`` so that
        no name is taken for a scheme, as ``javascript:``; absolute ones
        where there is no way, as on another drive.
    """
    page = os.path.abspath(page)
    found = []
    for path in paths:
        try:
            start, name = './', os.path.relpath(path, page)
        except ValueError:
            start, name = 'file:///', os.path.abspath(path)
        # a name that is no UTF-8 is quoted by its own bytes
        url = quote(os.fsencode(name.replace(os.sep, '/')), safe='/')
        found.append(url if url.startswith('../') else start + url)
    return found


def stability(metadata):
    """list[str]: The diagnosis of a table's estimate, for people."""
    from dequity_mmdet3d.likelihood.estimation.advice import diagnosis_lines
    from dequity_mmdet3d.likelihood.estimation.tag_agreement import (
        agreement_lines,
    )
    try:
        return diagnosis_lines(metadata) + agreement_lines(metadata)
    except (ArithmeticError, AttributeError, LookupError, TypeError,
            ValueError, StopIteration):
        # anybody's metadata may be anything
        return ['This table has no diagnosis: only '
                'dequity likelihoods makes one, where it clusters.']


def bad_images(table_path):
    """Images that the estimate could not use.

    Args:
        table_path (Path): Of the table.

    Returns:
        tuple[int, list[tuple[str, str]]]: How many, and path and reason of
        the first of them, see :func:`printable`.
    """
    from dequity_mmdet3d.likelihood.beside import bad_images_path
    from dequity_mmdet3d.likelihood.encoding.bad_images import read_bad_images
    failures = read_bad_images(bad_images_path(str(table_path)))
    return len(failures), [(printable(path), printable(why))
                           for path, why in failures[:_BAD_SHOWN]]


def printable(name):
    r"""A file's name as text: what is no UTF-8 in it is replaced.

    Example:
        >>> printable('a\udcff.png')
        'a�.png'
    """
    return os.fsencode(name).decode('utf-8', 'replace')


def provenance(metadata):
    """list[tuple[str, str]]: The metadata, one line a fact."""
    lines = []

    def walk(name, value):
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk(f'{name}.{key}' if name else str(key), inner)
        elif isinstance(value, list) and len(value) > 5:
            lines.append((name, first_five(value)))
        elif name.partition('.')[0] != 'diagnosis':
            lines.append((name, _short(value)))

    walk('', metadata)
    return lines
