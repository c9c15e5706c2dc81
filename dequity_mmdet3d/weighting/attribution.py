"""Which part of a prediction belongs to which sample.

Shape letters: B samples.
"""
import torch

SAMPLES = 'samples'


def map_tensors(function, value, path=()):
    """A nested value with some of its tensors replaced.

    Lists, tuples and dicts are walked through; what does not change keeps
    its identity, so that losses that write into their arguments still do.

    Args:
        function (Callable): From (value, path) to a tensor that takes the
            place of a tensor, a list or a tuple; None walks on.
        value: Any.
        path (tuple): Keys and numbers that lead to it.

    Returns:
        The same, or a copy with the new tensors.
    """
    new = function(value, path)
    if new is not None or isinstance(value, torch.Tensor):
        return value if new is None else new
    if isinstance(value, dict):
        items = {k: map_tensors(function, v, (*path, k))
                 for k, v in value.items()}
        changed = {k: v for k, v in items.items() if v is not value[k]}
        if changed:
            value = value.copy()
            value.update(changed)
    elif isinstance(value, (list, tuple)):
        items = [map_tensors(function, v, (*path, i))
                 for i, v in enumerate(value)]
        if any(a is not b for a, b in zip(items, value)):
            value = (type(value)(*items) if hasattr(value, '_fields') else
                     type(value)(items))
    return value


def carries_gradient(value):
    """Whether this is a tensor with a gradient."""
    return isinstance(value, torch.Tensor) and value.requires_grad


def sizes_of(value):
    """What depends on the number of samples in the arguments of a loss.

    Returns:
        dict[tuple, tuple[int, ...] | int]: By path, the shapes of tensors
        with gradient and the lengths of lists.
    """
    sizes = {}

    def note(value, path):
        if carries_gradient(value):
            sizes[path] = tuple(value.shape)
        elif isinstance(value, (list, tuple)):
            sizes[path] = len(value)

    map_tensors(note, value)
    return sizes


def compare_sizes(one_less, sizes, b):
    """Where the samples are, from two batches, one of them smaller by one.

    Args:
        one_less (dict): :func:`sizes_of` with b - 1 samples.
        sizes (dict): With b.
        b (int): Number of samples, >= 2.

    Returns:
        dict[tuple, int | str | None]: By path: the axis of the samples in a
        tensor; ``SAMPLES`` for a list of one entry a sample; None where
        nothing can be said.
    """
    layout = {}
    for path, size in sizes.items():
        before = one_less.get(path)
        if isinstance(size, int):
            if (before, size) == (b - 1, b):
                layout[path] = SAMPLES
            continue
        grown = [
            axis for axis, pair in enumerate(zip(before or (), size))
            if pair == (b - 1, b)
        ]
        layout[path] = (grown[0] if len(grown) == 1
                        and len(before) == len(size) else None)
    return layout


def weigh(arguments, layout, weights):
    """Scale the gradients of predictions by the weights of their samples.

    Args:
        arguments (dict): Of a loss, by name.
        layout (dict): See :func:`compare_sizes`. A tensor that it does not
            name has its samples on the first or second axis, if only one
            of them has their number.
        weights (BatchWeights): B weights.

    Returns:
        dict: New arguments. Tensors for which the layout says None are as
        they were; if the loss depends on them, :func:`.leaks.find_leaks`
        sees it.

    Raises:
        ValueError: For a tensor that the layout does not name, if there is
            no telling where its samples are.
    """
    b = len(weights)

    def scale(value, path):
        if b == 1:
            return (weights.scale_sample(value, 0)
                    if carries_gradient(value) else None)
        if layout.get(path) == SAMPLES and len(value) == b:
            return type(value)([
                map_tensors(
                    lambda x, _, i=i: weights.scale_sample(x, i)
                    if carries_gradient(x) else None, v)
                for i, v in enumerate(value)
            ])
        if not carries_gradient(value):
            return None
        axis = (layout[path] if path in layout else
                _guess(path, tuple(value.shape), b))
        return None if axis is None else weights.scale_axis(value, axis)

    return map_tensors(scale, arguments)


def _guess(path, shape, b):
    axes = [axis for axis in (0, 1) if shape[axis:axis + 1] == (b, )]
    if len(axes) != 1:
        raise ValueError(
            f'in the prediction {".".join(map(str, path))} of shape {shape} '
            f'there is no telling which axis is that of the {b} samples, as '
            'it was not there when the loss was examined before training')
    return axes[0]


def weigh_rows(arguments, samples_of, weights):
    """Scale predictions of all samples in one tensor, row by row.

    Args:
        arguments (dict): Of a loss, by name.
        samples_of (Callable): From a tensor (R, ...) to (R,) sample
            numbers.
        weights (BatchWeights): B weights.

    Returns:
        dict: New arguments; tensors of another number of rows are as they
        were.
    """

    def scale(value, path):
        if not carries_gradient(value) or not value.dim():
            return None
        samples = samples_of(value)
        return (weights.scale_rows(value, samples)
                if len(samples) == len(value) else None)

    return map_tensors(scale, arguments)
