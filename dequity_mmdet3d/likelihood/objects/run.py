"""Objects in, object table and likelihood table out.

Shape letters: N samples, M objects.
"""
from dataclasses import asdict, dataclass, replace

import numpy as np

from ...object_table import ObjectTable
from ...processes import Alone
from ...table import LikelihoodTable
from ...table_file import check_writable
from .. import runner
from ..beside import embeddings_folder, objects_path
from ..choices import OBJECT_MARGIN, OBJECT_MIN_SIZE, OBJECT_RULES
from ..embeddings.cameras import View
from ..embeddings.vectors import UnitVectors
from ..encoding.embed import Embedded
from ..estimation.make_table import make_table, versions
from ..samples.sources import Samples
from ..write_table import forget_earlier, nothing, place_of, write_table
from .point_features import directions, standard_of
from .rules import sample_likelihood


@dataclass(frozen=True)
class ObjectSettings:
    """How objects are looked at, and what they say of a sample.

    Args:
        rule (str): One of ``OBJECT_RULES``, see :mod:`.rules`.
        margin (float): See :func:`.boxes.widened`.
        min_size (float): Pixels; smaller boxes are not looked at.
        features (str): One of ``OBJECT_FEATURES``.
    """
    rule: str = OBJECT_RULES[0]
    margin: float = OBJECT_MARGIN
    min_size: float = OBJECT_MIN_SIZE
    features: str = 'images'


def compute_object_likelihoods(samples, out=None, *, objects, settings,
                               encoding=None, clustering=None,
                               kind='relative', team=None, say=None, **more):
    """Write down how common every object and, by them, every sample is.

    Args:
        samples (Samples): N of them.
        objects (Objects): M of them, see :mod:`.read`.
        settings (ObjectSettings): Those that the objects were read with.
        out, encoding, clustering, kind, team, say: See
            :func:`.runner.compute_likelihoods`, and its errors.
        more: Further arguments of it, by the rule 'product'.

    Returns:
        LikelihoodTable: That was written, last of all; None in all
        processes but 0.
    """
    team = team or Alone()
    say = say if say is not None and team.rank == 0 else nothing
    out = place_of(samples, out)
    if team.rank == 0:
        check_writable(out)
        check_writable(objects_path(out))
    for line in objects.lines():
        say(line)
    encoding = encoding or runner.Encoding()
    vectors, seen, about = _vectors(objects, samples, out, encoding,
                                    settings.features == 'points', team, say)
    found = None
    if team.rank == 0:
        found, lines = _by_class(objects, samples, vectors, seen, about,
                                 clustering, kind, settings)
        for line in lines:
            say(line)

    def joined(table):
        made = _joined(table, found, settings)
        found[0].save(objects_path(out))
        say(f'object table: {objects_path(out)}')
        return made

    if settings.rule == 'product':
        return runner.compute_likelihoods(
            samples, out, encoding=encoding, clustering=clustering,
            kind=kind, team=team, say=say, remake=joined, **more)
    table = None
    if team.rank == 0:
        provenance = replace(samples.provenance, encoder=about, kind=kind)
        provenance = provenance.completed(samples.ids, versions(about))
        n = len(samples)
        table = LikelihoodTable(samples.ids, np.ones(n), np.full(n, -1),
                                np.ones(n, int), provenance.as_dict())
        forget_earlier(out)
        table = write_table(joined(table), out, [], say)
    team.gather(None)
    return table


def _vectors(objects, samples, out, encoding, points, team, say):
    """(of rows: UnitVectors, (M,) bool which are seen, the encoder)."""
    seen = np.array([look is not None for look in objects.looks])
    if not seen.any():
        raise ValueError('no object can be looked at (' + '; '.join(
            objects.lines()) + '); a smaller --object-min-size helps small '
            'ones')
    rows = np.flatnonzero(seen)
    if points:
        raw = np.array([objects.looks[i] for i in rows])

        def of_points(keep):
            some = raw[keep[rows]]
            return UnitVectors(directions(some, *standard_of(some)))
        return of_points, seen, None
    crops = Samples(
        [f'{objects.sample[i]} {objects.index[i]}' for i in rows],
        [(objects.looks[i], ) for i in rows], samples.provenance,
        data_root=samples.data_root)
    say(f'objects: {len(crops)} crops')
    embedded, _ = runner._encode(
        crops, objects_path(out), replace(
            encoding, embeddings_dir=encoding.embeddings_dir or
            embeddings_folder(out)), 'mean', None, None, team, say)
    encoded = embedded.encoded
    seen[rows[~encoded.usable]] = False

    def of_crops(keep):
        return UnitVectors(encoded.shards, keep=(keep & seen)[rows])
    return of_crops, seen, embedded.provenance.encoder


def _by_class(objects, samples, vectors, seen, about, clustering, kind,
              settings):
    """The object table with which rows were seen, and lines for people."""
    m = len(objects.sample)
    likelihood, cluster = np.ones(m), np.full(m, -1)
    size, first, lines, told = np.ones(m, int), 0, [], {}
    classes = np.array(objects.classes, dtype=object)
    for name in dict.fromkeys(objects.classes):
        own = classes == name
        rows = np.flatnonzero(own & seen)
        if len(rows) > 1:
            of = Embedded(
                [f'{objects.sample[i]} {objects.index[i]}' for i in rows],
                [View('', vectors(own & seen), np.arange(len(rows)))],
                replace(samples.provenance, encoder=about))
            try:
                table = make_table(of, clustering, kind).table
            except ValueError as e:
                raise ValueError(f'objects of class {name!r}: {e}') from e
            likelihood[rows], size[rows] = table.likelihood, table.cluster_size
            cluster[rows] = np.where(
                table.cluster_id < 0, -1, table.cluster_id + first)
            first = max(first, int(cluster.max()) + 1)
        if len(rows):  # a single object has nothing to be compared with: 1
            likelihood[own & ~seen] = np.median(likelihood[rows])
        rare = float((likelihood[rows] < 0.1).mean()) if len(rows) else 0.0
        told[name] = dict(
            objects=int(own.sum()), seen=len(rows),
            clusters=len(np.unique(cluster[rows][cluster[rows] >= 0])),
            rare=rare)
        lines.append(
            f'{name}: {told[name]["objects"]} objects, {len(rows)} looked at, '
            f'{told[name]["clusters"]} clusters, {rare:.1%} rare (likelihood '
            'below 0.1)')
    provenance = replace(
        samples.provenance, encoder=about, kind=kind,
        objects=dict(asdict(settings), classes=told))
    provenance = provenance.completed(samples.ids, versions(about))
    unseen = np.flatnonzero(~seen).tolist()
    table = ObjectTable(objects.sample, np.array(objects.index), classes,
                        likelihood, cluster, size,
                        dict(provenance.as_dict(), neutral=unseen))
    return (table, seen), lines


def _joined(table, found, settings):
    """The samples' table by their objects'."""
    objects, seen = found
    rows = table.index(objects.sample_id.tolist())
    known = rows >= 0
    where = np.flatnonzero(known)
    likelihood, rarest = sample_likelihood(
        settings.rule, rows[known], objects.likelihood[known], seen[known],
        len(table), scene=table.likelihood)
    cluster, size = table.cluster_id, table.cluster_size
    if settings.rule != 'product':
        some = rarest >= 0
        cluster, size = cluster.copy(), size.copy()
        cluster[some] = objects.cluster_id[where[rarest[some]]]
        size[some] = objects.cluster_size[where[rarest[some]]]
    return replace(
        table, likelihood=likelihood, cluster_id=cluster, cluster_size=size,
        metadata=dict(table.metadata, objects=objects.metadata['objects']))
