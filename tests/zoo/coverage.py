"""The page of tools/zoo_coverage.py: what was checked, does it hold?"""
from collections import defaultdict

from . import family as family_of
from . import reason_not_built
from .checks import COUPLED, one_factor

HEADER = """# Coverage of the model zoo

Made by `python tools/zoo_coverage.py` ({versions}); {built} of {all} configs
can be built without {missing}, and {good} of these pass.

A **config** counts as examined if every term of its loss passes a weight on
its way back to every parameter (`plugin/examine.py`, on a made batch of two).
One config of each family is further checked (empty cells: by the tests only,
`tests/zoo/test_families.py`, which check the same):

- **1**: weights of 1 give gradients that are bit-identical to upstream's
- **0**: weights of 0 give exactly no gradient, at any parameter
- **alone**: with weight 1 for one sample and 0 for the others, the gradient of
  each loss term at its nearest parameters is parallel to upstream's for
  a batch of this sample alone (they differ by the term's factor): 1 - cosine,
  the largest over terms and samples. `center_loss` of VoteNet and H3DNet
  (matched both ways) and the terms of ImVoteNet's second stage (three heads)
  are sums of terms with a factor each, and so cannot be parallel
- **order**: largest relative difference of any parameter's gradient after a
  permutation of the batch (in brackets: of upstream)
- **features**: largest relative difference between the gradient at what goes
  into the heads and w_i times upstream's, sample by sample

Point clouds, voxel grids and images are smaller than the zoo's; operators
that exist for CUDA only are replaced by slow ones of the same definition
(`tests/zoo/cpu_ops.py`). Batch normalisation runs in evaluation mode and
dropout not at all, so that samples do not see each other before the losses.

"""

BESIDE = """Beside the table:

- FCAF3D: its head is checked on made features (`tests/zoo/test_families.py`).
- Heads of upstream's `projects/`, which are not installed with it: BEVFusion's
  TransFusionHead, DETR3DHead and PETRHead, in `tests/zoo/test_projects.py`,
  with a clone of it (`MMDET3D=/path/to/clone`): the same checks hold.
- Data of these: each sample is found in the table by an id of its info file
  ([likelihood_table.md](likelihood_table.md) has the rule). KITTI and Waymo
  have `sample_idx`, nuScenes and Lyft `token`, SemanticKITTI `sample_id`;
  ScanNet, S3DIS and SUN RGB-D (VoteNet, H3DNet, GroupFree3D, FCAF3D,
  ImVoteNet, ImVoxelNet) have none of them and go by the name of their file
  of points. Checked with upstream's classes in
  `tests/plugin/test_named_by_file.py`. The infos of ScanNet, S3DIS and
  SemanticKITTI list no images: their likelihoods come from embeddings of
  your own (`--embeddings`, `--ids`).
"""


def holds(family, result):
    """Whether all that was checked is as it should be."""
    if 'reason' in result:
        return False
    if 'ones' not in result:  # examined, which raises where a term leaks
        return True
    alone = [v for k, v in result['alone'].items() if one_factor(family, k)]
    return result['ones'] and result['zeros'] and bool(
        set(COUPLED) & set(family) or
        (all(v < 1e-6 for v in alone) and result['order'] < 1e-3
         and (result['features'] or 0) < 1e-4))


def table(results):
    """Lines of the table, a family each."""
    families = defaultdict(list)
    for name, result in results.items():
        families[family_of(name)].append((name, result))
    yield ('| detector | heads | weighted at | configs | loss terms | 1 | 0 | '
           'alone | order | features |')
    yield '| --- ' * 10 + '|'
    for (detector, *heads), rows in sorted(families.items()):
        good = sum(holds((detector, *heads), r) for _, r in rows)
        full = next((r for _, r in rows if 'ones' in r), None)
        reasons = {r['reason'] for _, r in rows if 'reason' in r}
        cells = [''] * 6
        if full:
            cells = [
                f'{sum(full["terms"].values())} of {len(full["terms"])}',
                'yes' if full['ones'] else '**no**',
                'yes' if full['zeros'] else '**no**',
                f'{max(full["alone"].values()):.0e}',
                f'{full["order"]:.0e} ({full["host_order"]:.0e})',
                '' if full['features'] is None else
                f'{full["features"]:.0e}'
            ]
        ways = '; '.join(next((r['ways'] for _, r in rows if 'ways' in r),
                              sorted(reasons)))
        yield (f'| {detector} | {", ".join(heads)} | {ways} | {good} of '
               f'{len(rows)} | {" | ".join(cells)} |')


def not_holding(results):
    """{name: result} of the configs that can be built and are not right."""
    return {n: r for n, r in results.items()
            if not holds(family_of(n), r) and not reason_not_built(n)}


def as_markdown(results):
    """str: The page of all results, {name: dict}."""
    import mmdet3d
    import torch
    missing = [n for n in results if reason_not_built(n)]
    good = sum(holds(family_of(n), r) for n, r in results.items())
    lines = [*table(results), '']
    lines += [f'- {head}: {why}.' for head, why in COUPLED.items()] + ['']
    lines += [BESIDE, '']
    bad = not_holding(results)
    if bad:
        lines += ['Not holding:', '']
        lines += [f'- {n}: {r.get("reason", r)}' for n, r in bad.items()]
    return HEADER.format(
        versions=f'mmdet3d {mmdet3d.__version__}, torch {torch.__version__}',
        built=len(results) - len(missing), all=len(results),
        missing='MinkowskiEngine', good=good) + '\n'.join(lines)
