"""The config that the demo trains with."""
import os
from pathlib import Path

from dequity_mmdet3d.likelihood.samples.host_config import read_config

BASE = (Path(__file__).resolve().parents[1] /
        'configs/pointpillars_dequity_mini_kitti.py')


def write_config(out, seed, epochs):
    """The demo's config: complete, so that any command takes it anywhere.

    Args:
        out (Path): Folder of the demo, absolute.
        seed (int): Of the training.
        epochs (int): Of the training.

    Returns:
        tuple[Path, Path]: ``out/config.py``, whose paths are absolute and
        which reads neither a base nor the environment; its metric tells
        rare, middle and common scenes apart by a table beside that of the
        training set. And the file of predictions that a test with it writes.
    """
    from mmengine.config import Config
    data = out / 'mini_kitti'
    os.environ.pop('MINI_KITTI', None)  # the base would read it
    cfg = Config(_moved(read_config(BASE), 'data/mini_kitti/', f'{data}/'))
    cfg.randomness = dict(seed=seed)
    # evaluated by test.py
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs + 1)
    cfg.param_scheduler[1].update(T_max=epochs, end=epochs)
    cfg.val_evaluator.update(
        type='DequityKittiMetric', table=str(val_table(data)))
    predictions = out / f'run/predictions_epoch_{epochs}'
    cfg.test_evaluator = dict(
        cfg.val_evaluator, pklfile_prefix=str(predictions))
    path = out / 'config.py'
    path.write_text(
        '# Complete: it reads neither a base nor the environment.\n'
        f'{cfg.pretty_text}',
        encoding='utf-8')
    return path, predictions / 'pred_instances_3d.pkl'


def _moved(node, old, new):
    """A config in which every path below a folder is below another one."""
    if isinstance(node, dict):
        return {k: _moved(v, old, new) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(_moved(v, old, new) for v in node)
    if isinstance(node, str) and node.startswith(old):
        return new + node[len(old):]
    return node


def val_table(data):
    """Path: The likelihood table of the validation split."""
    return data / 'kitti_likelihoods_val.parquet'
