"""What the demo says at its end: AP on common and on rare scenes."""
import csv

import mmengine
import numpy as np
from mmdet3d.evaluation import KittiMetric

from dequity_mmdet3d.figures import Figure
from dequity_mmdet3d.plugin import mend_host
from dequity_mmdet3d.plugin.evaluation import ap_on
from dequity_mmdet3d.table import LikelihoodTable

CLASSES = ('Car', 'Pedestrian', 'Cyclist')
# the two most frequent appearance modes, nearly 4 of 5 frames
COMMON = ('city_day', 'motorway')


def ap_of(annotations, predictions, rows):
    """AP of KITTI, in BEV at the looser overlaps, on some of the frames.

    Args:
        annotations (list[dict]): KITTI annotations by row.
        predictions (list[dict]): KITTI detections by row.
        rows (list[int]): Which rows.

    Returns:
        dict[str, float]: AP_R40 in percent by class, moderate difficulty,
        at a BEV overlap of 0.5 for cars and 0.25 for the others.
    """
    ap = ap_on(annotations, predictions, rows, CLASSES, ['bbox', 'bev'])
    return {
        c: ap[Figure('', c, 'BEV_AP40', 'moderate', 'loose', 'KITTI').name()]
        for c in CLASSES
    }


def summary(data, table, predictions):
    """The closing summary, several lines.

    Args:
        data (Path): Mini KITTI with its info files and ``modes.csv``.
        table (Path): Likelihood table of the training split.
        predictions (Path): Detections of the validation split, as written
            by ``KittiMetric``.

    Returns:
        str: Text for a terminal.
    """
    mend_host()  # whose evaluation wants CUDA
    with open(data / 'modes.csv', newline='') as file:
        mode_of = {
            int(row['sample_id']): row['mode']
            for row in csv.DictReader(file)
        }
    infos = mmengine.load(data / 'kitti_infos_val.pkl')
    modes = np.array(
        [mode_of[info['sample_idx']] for info in infos['data_list']])
    metric = KittiMetric(ann_file=str(data / 'kitti_infos_val.pkl'))
    annotations = [
        info['kitti_annos']
        for info in metric.convert_annos_to_kitti_annos(infos)
    ]
    detections = mmengine.load(predictions)
    common = np.isin(modes, COMMON)
    lines = [
        'BEV AP, KITTI moderate, 40 points; overlap 0.5 for Car, 0.25 for '
        'the others', f'{"scenes":16s}{"frames":>8s}' +
        ''.join(f'{c:>20s}' for c in CLASSES)
    ]
    for name, chosen in (('all', np.ones_like(common)), ('common', common),
                         ('rare', ~common)):
        rows = np.flatnonzero(chosen).tolist()
        if not rows:
            continue
        ap = ap_of(annotations, detections, rows)
        objects = [
            sum((annotations[i]['name'] == c).sum() for i in rows)
            for c in CLASSES
        ]
        lines.append(f'{name:16s}{len(rows):8d}' + ''.join(
            f'{ap[c]:12.1f} ({n:5d})' for c, n in zip(CLASSES, objects)))
    lines.append(f'common: {", ".join(COMMON)}; in brackets the number of '
                 'labelled objects behind a figure')
    return '\n'.join(lines + ['', *_extremes(data, LikelihoodTable.load(table),
                                             mode_of)])


def _extremes(data, table, mode_of):
    frames = [int(i) for i in table.sample_id]
    modes = np.array([mode_of[i] for i in frames])
    yield 'mean likelihood by true mode (which the estimate does not know)'
    yield '  ' + ', '.join(
        f'{m} {table.likelihood[modes == m].mean():.2f}'
        for m in dict.fromkeys(mode_of.values()) if (modes == m).any())
    yield ('  how far to trust them: the diagnosis of the likelihoods, '
           'docs/likelihood.md')
    # one image a cluster: five of one cluster tell nothing
    _, first = np.unique(table.cluster_id, return_index=True)
    first = first[np.argsort(table.likelihood[first], kind='stable')]
    for title, rows in (('rarest images, one a cluster', first[:5]),
                        ('most common', first[::-1][:5])):
        yield title
        for i in rows:
            yield (f'  likelihood {table.likelihood[i]:.3f}  {modes[i]:10s} '
                   f'{data}/training/image_2/{frames[i]:06d}.png')
