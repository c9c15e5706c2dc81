"""``DequityHook``: puts ``DequityLoss`` to work in a training run."""
import numpy as np
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmdet3d.registry import HOOKS, MODELS
from .dataset import DequityDataset
from .walk import wrapped_by


def equity_datasets(dataset):
    """Every ``DequityDataset`` of a training set.

    Raises:
        ValueError: If a part of the training set stands under none.
    """
    if isinstance(dataset, DequityDataset):
        return [dataset]
    if not wrapped_by(dataset):
        raise ValueError(
            f'{type(dataset).__name__} of {getattr(dataset, "ann_file", "?")} '
            'stands under no DequityDataset, so its samples carry no weight; '
            'wrap train_dataloader.dataset in DequityDataset, or leave the '
            'hook default_hooks.dequity out')
    return [e for d in wrapped_by(dataset) for e in equity_datasets(d)]


@HOOKS.register_module()
class DequityHook(Hook):
    """Weighs the losses while training lasts, and logs the weights.

    As an entry of ``default_hooks``, a dict, it leaves the
    ``custom_hooks`` of an existing project alone::

        default_hooks = dict(dequity=dict(type='DequityHook'))

    The mean, minimum and maximum weight of each batch reach the log and
    the visualizer's backends as ``dequity_weight_mean``, ``_min``, ``_max``.

    Args:
        loss (dict): Config of the loss wrapper.
            Defaults to ``dict(type='DequityLoss')``.
    """

    def __init__(self, loss=dict(type='DequityLoss')):
        self.loss = MODELS.build(loss)

    def before_train(self, runner):
        """Check that all samples carry a weight, then attach the loss."""
        datasets = equity_datasets(runner.train_dataloader.dataset)
        self.loss.fit(np.concatenate([d.likelihood for d in datasets]))
        model = runner.model
        self.loss.attach(model.module if is_model_wrapper(model) else model)

    def after_train_iter(self,
                         runner,
                         batch_idx,
                         data_batch=None,
                         outputs=None):
        """Write the weights of the batch to the message hub."""
        weights = self.loss.weights(
            [sample.metainfo for sample in data_batch['data_samples']])
        for name, value in (('mean', sum(weights) / len(weights)),
                            ('min', min(weights)), ('max', max(weights))):
            runner.message_hub.update_scalar(f'train/dequity_weight_{name}',
                                             value)

    def after_train(self, runner):
        """Give the detector back as it was."""
        self.loss.detach()
