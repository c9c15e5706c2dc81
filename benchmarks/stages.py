"""Lists the stages of every model that can be an encoder, or why it has none.

    python benchmarks/stages.py [--models 'torchvision/*' 'open_clip/ViT*']

By shapes alone, on torch's meta device: nothing is computed or fetched, so
that the largest take a second. A stage is NAME (pixels or tokens x channels).
"""
import argparse
import fnmatch
import logging
import warnings

import torch

from dequity_mmdet3d.likelihood.encoding.encoders.classifiers import (
    PREFIX,
    classifiers,
)
from dequity_mmdet3d.likelihood.encoding.encoders.find_stages import (
    find_stages,
)
from dequity_mmdet3d.likelihood.encoding.encoders.stages import StageReader


def classifier(name):
    """A network of torchvision, and the side of its images."""
    from torchvision import models
    first = next(iter(models.get_model_weights(name)))
    slow = dict(init_weights=False) if name in (
        'googlenet', 'inception_v3') else {}
    # regnets read numbers back while they are made, which meta has not
    device = 'cpu' if name.startswith('regnet') else 'meta'
    with torch.device(device):
        net = getattr(models, name)(**slow)
    side = getattr(net, 'image_size', first.transforms().crop_size[0])
    return net.to('meta'), (side, side)


def tower(name):
    """The image tower of an open_clip model, and its images' sides."""
    import open_clip
    from open_clip.model import _build_vision_tower
    config = open_clip.get_model_config(name)
    with torch.device('meta'):
        net = _build_vision_tower(config['embed_dim'], config['vision_cfg'])
    size = net.image_size
    return net, size if isinstance(size, tuple) else (size, size)


def describe(net, size):
    """Text of all stages."""
    net.eval()
    with torch.device('meta'):
        stages = find_stages(net, net, torch.zeros(1, 3, *size))
        seen = {}
        hooks = [s.module.register_forward_hook(
            lambda module, _, out: seen.update({module: out.shape}))
            for s in stages]
        parts, _ = StageReader(stages).run(net, torch.zeros(1, 3, *size))
        for hook in hooks:
            hook.remove()
    names = {module: name for name, module in net.named_modules()}
    return ', '.join(
        f'{names[s.module]} ({seen[s.module].numel() // part.shape[1]} x '
        f'{part.shape[1]})' for s, part in zip(stages, parts[::2]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', nargs='+', default=['*'],
                        help='patterns of torchvision/NAME, open_clip/NAME')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    logging.disable(logging.ERROR)
    import open_clip
    known = {f'{PREFIX}{name}': (classifier, name) for name in classifiers()}
    known |= {f'open_clip/{name}': (tower, name)
              for name in open_clip.list_models()}
    count = 0
    for title, (build, name) in known.items():
        if not any(fnmatch.fnmatch(title, p) for p in args.models):
            continue
        try:
            text = describe(*build(name))
            count += 1
        except Exception as e:  # whatever the package raises is shown
            text = f'NONE: {type(e).__name__}: {str(e).splitlines()[0]}'
        print(f'{title}: {text}', flush=True)
    print(f'{count} models have stages')


if __name__ == '__main__':
    main()
