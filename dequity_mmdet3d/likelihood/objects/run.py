"""Objects in, object table and likelihood table out.

Shape letters: N samples, M objects.
"""
from dataclasses import replace
from functools import partial

import numpy as np

from ...columns import neutral_of
from ...json_files import NUMBER, fields_of
from ...messages import counted
from ...object_table import ObjectTable
from ...processes import Alone
from ...table import LikelihoodTable
from ...table_file import check_writable
from ...tag_file import check_place
from ...whole_file import remove_file
from .. import runner
from ..beside import embeddings_folder, modes_path, objects_path
from ..encoding.bad_images import forget_bad_images
from ..encoding.encode_samples import Encoding, encode_samples
from ..estimation.advice import advise, diagnosis_lines
from ..estimation.diagnosis import RARE, Diagnosis
from ..estimation.modes_file import load_modes
from ..estimation.weight_effect import weight_effect
from ..samples.sources import Samples
from ..write_table import (
    beside_tags,
    checked_tags,
    nothing,
    place_of,
    write_table,
)
from .by_class import (
    Crops,
    PointFeatures,
    apply_objects,
    fit_objects,
    names_of,
)
from .point_features import check_standard
from .rules import sample_likelihood


def compute_object_likelihoods(samples, out=None, *, objects, settings,
                               apply=None, encoding=None, clustering=None,
                               kind='relative', groups=None, tags=None,
                               by=None, team=None, say=None, **more):
    """Write down how common every object and, by them, every sample is.

    Args:
        samples (Samples): N of them.
        objects (Objects): M of them, see :mod:`.read`.
        settings (ObjectSettings): Those that the objects were read with.
        apply (str | Path, optional): A finished table with objects.
        out, encoding, clustering, kind, groups, tags, by, team, say: See
            :func:`.runner.compute_likelihoods`, and its errors.
        more: Further arguments of it, by the rule 'product'.

    Returns:
        LikelihoodTable: That was written, last of all; None in all
        processes but 0.

    Raises:
        ValueError: If no object can be looked at.
    """
    team = team or Alone()
    say = say if say is not None and team.rank == 0 else nothing
    out = place_of(samples, out)
    source = fitted = without = None
    if apply is not None:
        source, fitted, without = _finished(apply, settings)
    by = checked_tags(tags, by, samples.ids)
    if team.rank == 0:
        for path in (out, objects_path(out)):
            check_writable(path)
            forget_bad_images(path)
        check_place(out, tags)
    for line in objects.lines():
        say(line)
    encoding = encoding or Encoding()
    seen, vectors, about = _vectors(objects, samples, out, encoding, settings,
                                    fitted, team, say)
    found = None
    if team.rank == 0:
        provenance = replace(samples.provenance, encoder=about,
                             objects=settings.as_dict())
        given = objects, seen, vectors, provenance, samples.ids
        found = (fit_objects(*given, runner.in_the_room_of(out, clustering),
                             kind, groups)
                 if fitted is None else
                 apply_objects(*given, fitted, source))
        if settings.features == 'points' and found.fitted is not None:
            found.fitted.about['standard'] = vectors.standard
        for line in found.lines:
            say(line)

    def joined(table):
        place = objects_path(out)
        beside = [partial(remove_file, modes_path(place)),
                  partial(found.table.save, place)]
        if found.fitted is not None:
            beside.append(partial(found.fitted.of(found.table).save,
                                  modes_path(place)))
        return _joined(table, found.table, settings, without), beside

    if settings.looks_at_scenes:
        table = runner.compute_likelihoods(
            samples, out, encoding=encoding, clustering=clustering,
            kind=kind, apply=apply, groups=groups, tags=tags, by=by,
            team=team, say=say, remake=joined, **more)
        say(f'object table: {objects_path(out)}')
        return table
    table = None
    if team.rank == 0:
        table, beside = joined(_of_objects(samples.ids, found.table))
        table, lines, suspects = beside_tags(table, out, tags, by)
        if fitted is None:
            lines = [*diagnosis_lines(table.metadata), *lines]
        write_table(table, out, lines, say, tags, beside + suspects)
        say(f'object table: {objects_path(out)}')
    team.gather(None)
    return table


def _vectors(objects, samples, out, encoding, settings, fitted, team, say):
    """Which objects are seen, (M,) bool; what is seen; by which encoder."""
    seen = np.array([look is not None for look in objects.looks])
    if not seen.any():
        raise ValueError('no object can be looked at (' + '; '.join(
            objects.lines()) + ')' + (
                '' if settings.features == 'points' else
                '; a smaller --object-min-size helps small ones'))
    if settings.features == 'points':
        standard = {} if fitted is None else fitted.about['standard']
        return seen, PointFeatures(objects.looks, standard), None
    rows = np.flatnonzero(seen)
    crops = Samples(names_of(objects, rows),
                    [(objects.looks[i], ) for i in rows], samples.provenance,
                    data_root=samples.data_root)
    say(f'{counted(len(crops), "object")} to look at, as images')
    embedded, _ = encode_samples(
        crops, objects_path(out), replace(
            encoding, embeddings_dir=encoding.embeddings_dir or
            embeddings_folder(out)), 'mean', fitted, None, team, say)
    encoded = embedded.encoded
    row = np.full(len(seen), -1)
    row[rows] = np.arange(len(rows))
    seen[rows[~encoded.usable]] = False
    return seen, Crops(encoded, row), embedded.provenance.encoder


def _of_objects(ids, objects):
    """A table of all samples, that knows of their objects alone."""
    n = len(ids)
    about = {k: v for k, v in objects.metadata.items() if k != 'neutral'}
    return LikelihoodTable(ids, np.ones(n), np.full(n, -1), np.ones(n, int),
                           about)


def _joined(table, objects, settings, without=None):
    """The samples' table by their objects'."""
    rows = table.index(objects.sample_id.tolist())
    known = np.flatnonzero(rows >= 0)
    likelihood, rarest = sample_likelihood(
        settings.rule, rows[known], objects.likelihood[known],
        ~neutral_of(objects)[known], len(table), scene=table.likelihood,
        without=without)
    cluster, size = table.cluster_id, table.cluster_size
    about = dict(settings.as_dict(), sha256=objects.sha256)
    if not settings.looks_at_scenes:
        some = rarest >= 0
        cluster, size = cluster.copy(), size.copy()
        cluster[some] = objects.cluster_id[known[rarest[some]]]
        size[some] = objects.cluster_size[known[rarest[some]]]
        about['without'] = float(likelihood.max() if without is None else
                                 without)
    metadata = dict(table.metadata, objects=about)
    if 'applied' not in metadata:
        metadata = _diagnosed(metadata, likelihood)
    return replace(table, likelihood=likelihood, cluster_id=cluster,
                   cluster_size=size, metadata=metadata)


def _diagnosed(metadata, likelihood):
    """Metadata with a diagnosis of these likelihoods, not of the scenes'."""
    scenes = metadata.get('diagnosis')
    if scenes is not None:
        metadata['objects']['scenes'] = scenes
    found = Diagnosis(
        samples=len(likelihood), clusters=0, largest=0.0,
        rare=int((likelihood <= RARE).sum()), lone=0,
        weights=weight_effect(likelihood)).as_dict()
    metadata = dict(metadata, diagnosis=found)
    found['why'] = [advice.why for advice in advise(metadata)]
    return metadata


def _finished(path, settings):
    """What is applied: object table, its modes, see :func:`_joined`."""
    table, beside = LikelihoodTable.load(path), objects_path(path)
    source = ObjectTable.load(beside)
    if table.metadata['objects'].get('sha256') != source.sha256:
        raise ValueError(f'{beside} was made with another table than {path}; '
                         'make the table anew, its embeddings are kept')
    fitted = load_modes(beside, ObjectTable)
    try:
        if settings.features == 'points':
            check_standard(fitted.about.get('standard'), fitted.modes)
        if settings.looks_at_scenes:
            return source, fitted, None
        without = fields_of(table.metadata['objects'],
                            dict(without=NUMBER))['without']
        if not 0 < without <= 1:
            raise ValueError("its 'without' must be in (0, 1], but is "
                             f'{without}')
    except ValueError as e:
        raise ValueError(f'{path} is damaged ({e}); make the table '
                         'anew') from e
    return source, fitted, without
