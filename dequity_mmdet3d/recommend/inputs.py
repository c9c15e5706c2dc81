"""The files that a recommendation is made from.

Shape letters: N samples, C classes.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dequity_mmdet3d.class_content import check_counts
from dequity_mmdet3d.columns import neutral_of
from dequity_mmdet3d.likelihood.beside import objects_path
from dequity_mmdet3d.likelihood.samples.host_config import (
    base_datasets,
    dataset_of_split,
)
from dequity_mmdet3d.likelihood.samples.info_file import read_info_file
from dequity_mmdet3d.likelihood.samples.instances import (
    counts_in,
    counts_of,
)
from dequity_mmdet3d.messages import counted, first_five
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tags import MAX_VALUES, Tags

from .config_lines import Place, place_in
from .facts import Facts, Objects, facts_of
from .trust import trust

_ENDING = objects_path('t.parquet')[1:]


@dataclass(frozen=True)
class Annotations:
    """The objects of a training set.

    Args:
        counts (Mapping[str, Mapping[str, int]]): By sample id and class.
        classes (Sequence[str]): That are trained; () for all that occur.
        place (Place): The config.
    """
    counts: Mapping[str, Mapping[str, int]]
    classes: Sequence[str] = ()
    place: Place = Place()


def from_config(path: str | Path,
                cfg_options: Sequence[str] | None = None) -> Annotations:
    """What a config trains on.

    Args:
        path (str | Path): Of MMDetection3D.
        cfg_options (Sequence[str], optional): ``key=value`` changes.

    Raises:
        See :func:`.samples_from_config`.
    """
    dataset = dataset_of_split(path, cfg_options)
    bases, _ = base_datasets(dataset)
    classes = dict.fromkeys(
        name for base in bases
        for name in (base.get('metainfo') or {}).get('classes') or ())
    return Annotations(counts_in(bases, path), tuple(classes),
                       place_in(str(path), dataset))


def from_info_file(path: str | Path,
                   classes: Sequence[str] = ()) -> Annotations:
    """What an info file annotates; needs no mmengine.

    Args:
        path (str | Path): See :func:`.read_info_file`.
        classes (Sequence[str]): To count; all of the file by default.

    Raises:
        ValueError: If the file has no such class; see also
            :func:`.read_info_file`.
    """
    infos, metainfo = read_info_file(path)
    known = [name for name, label in (
        metainfo.get('categories') or {}).items() if label >= 0]
    unknown = [name for name in classes if name not in known]
    if unknown or not known:
        raise ValueError(
            f'{path} has the classes {known}' + (
                f', but not {first_five(unknown)}; correct --classes'
                if unknown else '; give the info file of a set with '
                'annotated objects'))
    return Annotations(
        counts_of(infos, metainfo, dict(metainfo=dict(classes=classes))),
        tuple(classes))


def look_at(path: str | Path, annotations: Annotations | None = None,
            tags: Tags | None = None, objects: str | Path | None = None,
            keep_order: bool = False
            ) -> tuple[Facts, dict[str, list[str]], list[str]]:
    """Read a table, and what belongs to its samples.

    Args:
        path (str | Path): Likelihood table.
        annotations (Annotations, optional): Of its samples.
        tags (Tags, optional): Of some of them.
        objects (str | Path, optional): Object table of these samples,
            ``X.objects.parquet`` beside the likelihood table ``X.parquet``
            that was made with it.
        keep_order (bool): See :class:`.Facts`.

    Returns:
        tuple[Facts, dict[str, list[str]], list[str]]: The figures; tags of
        the samples; and what of all this was left out, for people.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If one is damaged or has other samples, or no object is
            of the classes.
    """
    table = LikelihoodTable.load(path)
    rows, notes = np.arange(len(table)), []
    counts: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    if annotations is not None:
        rows = _common(table, annotations.counts, notes)
        names = list(annotations.classes) or sorted({
            name for held in annotations.counts.values() for name in held})
        held = [annotations.counts[i] for i in table.sample_id[rows]]
        counts = check_counts(np.array(
            [[of.get(name, 0) for name in names] for of in held],
            dtype=np.int64).reshape(len(rows), len(names)))
        none = [n for n, k in zip(names, counts.sum(0).tolist()) if not k]
        if none:
            notes.append(f'no object of {first_five(none)}, which counts for '
                         'nothing')
        classes = tuple(names)
    ids = table.sample_id[rows].tolist()
    seen = None
    if table.metadata.get('objects'):
        notes.append(f'{path} was made of objects: a rare look is a sample '
                     'with a rare object')
    if objects is not None:
        if table.metadata.get('objects'):
            raise ValueError(
                f'{path} was made of objects itself, so it does not say in '
                'which looks the objects stand; give a table of scenes '
                '(dequity likelihoods without --objects) as TABLE')
        seen = _objects(objects, ids, notes)
    facts = facts_of(table.likelihood[rows], trust(table.metadata), classes,
                     counts, seen, keep_order)
    return facts, _usable(tags, ids, notes), notes


def _common(table: LikelihoodTable, of: Mapping, notes: list[str]
            ) -> np.ndarray:
    """Rows of the samples that are annotated."""
    rows = np.array([row for row, i in enumerate(table.sample_id) if i in of],
                    dtype=np.int64)
    if not len(rows):
        raise ValueError(
            f'none of the {len(table)} samples of the table, such as '
            f'{table.sample_id[0]!r}, is among the {len(of)} annotated, such '
            f'as {next(iter(of), None)!r}; give the config or the info file '
            'that the table was made from')
    if len(rows) < len(table):
        left = counted(len(table) - len(rows), 'sample is', 'samples are')
        notes.append(f'{left} in the table, but not annotated, and left out')
    if len(rows) < len(of):
        left = counted(len(of) - len(rows), 'sample is', 'samples are')
        notes.append(f'{left} annotated, but not in the table, and left out; '
                     'training stops at them unless missing is neutral')
    return rows


def _objects(path: str | Path, ids: list[str], notes: list[str]) -> Objects:
    """Objects of these samples that were looked at."""
    if not str(path).endswith(_ENDING):
        raise ValueError(f'an object table is named T{_ENDING}, beside its '
                         f'likelihood table T.parquet, but got {path}')
    beside = f'{str(path)[:-len(_ENDING)]}.parquet'
    found = ObjectTable.load(path)
    likelihood = LikelihoodTable.load(beside).likelihood_of(ids)
    absent = [i for i, p in zip(ids, likelihood) if np.isnan(p)]
    if absent:
        raise ValueError(f'{beside} lacks {len(absent)} of {len(ids)} samples'
                         f', {first_five(absent)}; make it from the samples '
                         'of TABLE')
    place = {name: row for row, name in enumerate(ids)}
    sample = np.array([place.get(i, -1) for i in found.sample_id])
    seen = (sample >= 0) & ~neutral_of(found)
    if not seen.any():
        raise ValueError(f'{path}: none of its {len(found)} objects was '
                         'looked at in a sample of TABLE; make it anew, see '
                         '--object-min-size of dequity likelihoods')
    if not seen.all():
        notes.append(f'{counted(int((~seen).sum()), "object")} of {path} '
                     'could not be looked at, or are of other samples')
    return Objects(beside, likelihood, sample[seen], found.class_name[seen],
                   found.likelihood[seen])


def _usable(tags: Tags | None, ids: Iterable[str], notes: list[str]
            ) -> dict[str, list[str]]:
    """Tags of few values, by name."""
    found = {}
    for name, values in ({} if tags is None else tags.of(ids).columns).items():
        different = len({*values} - {''})
        if 0 < different <= MAX_VALUES:
            found[name] = list(values)
        else:
            notes.append(f'tag {name!r} has {different} different values for '
                         f'these samples, of 1 to {MAX_VALUES}; left out')
    return found
