"""Stages are found in networks of every make, whatever their layout."""
import warnings

import pytest

torch = pytest.importorskip('torch')
from torch import nn

from dequity_mmdet3d.likelihood.encoding.encoders.find_stages import (
    find_stages,
)
from dequity_mmdet3d.likelihood.encoding.encoders.stages import StageReader


def found(net, size=(32, 32), forward=None):
    """Name, axis of the channels and tokens_first of each stage."""
    names = {module: name for name, module in net.named_modules()}
    return [(names[s.module], s.channels, s.tokens_first) for s in
            find_stages(net, forward or net, torch.zeros(1, 3, *size))]


def halving(n, *more):
    """A block that halves the sides, with a detour through one pixel."""
    return nn.Sequential(nn.Conv2d(n, 4, 3, 2, 1), nn.ReLU(), *more)


class Permute(nn.Module):

    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.permute(*self.axes)


class Gate(nn.Module):
    """What squeezes and excites: small for once."""

    def __init__(self):
        super().__init__()
        self.pool, self.small = nn.AvgPool2d(4), nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        return x * self.small(x) + self.pool(x).mean()


def test_the_last_output_of_each_resolution():
    net = nn.Sequential(halving(3), halving(4, Gate()), halving(4),
                        nn.Conv2d(4, 9, 1), nn.AdaptiveAvgPool2d(1),
                        nn.Flatten(), nn.Linear(9, 2))
    # the pooled one has a single pixel; what is inside of Gate is no stage
    assert found(net) == [('0', 1, False), ('1', 1, False), ('3', 1, False)]


def test_stages_within_a_trunk_within_a_tower():

    class Tower(nn.Module):

        def __init__(self):
            super().__init__()
            self.trunk = nn.ModuleDict(dict(
                stem=halving(3), body=nn.Sequential(halving(4), halving(4))))
            self.head = nn.Linear(4, 500)  # most weights, and no pixels

        def forward(self, x):
            x = self.trunk['body'](self.trunk['stem'](x))
            return self.head(x.mean(dim=(2, 3)))

    assert [name for name, *_ in found(Tower())] == [
        'trunk.stem', 'trunk.body.0', 'trunk.body.1']


@pytest.mark.parametrize('size', [(32, 32), (32, 96), (64, 64), (16, 48)])
def test_channels_last_whatever_the_shape(size):
    """Also where a side has as many pixels as there are channels."""
    net = nn.Sequential(
        *(nn.Sequential(*([Permute(0, 3, 1, 2)] if i else []),
                        nn.Conv2d(8 if i else 3, 8, 3, 2, 1),
                        Permute(0, 2, 3, 1)) for i in range(3)))
    assert found(net, size) == [(str(i), 3, False) for i in range(3)]
    first = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1),
                          nn.Conv2d(8, 8, 3, 2, 1))
    assert found(first, size) == [(str(i), 1, False) for i in range(3)]


class Tokens(nn.Module):
    """A transformer of 12 blocks that takes one size only."""

    def __init__(self, first=False):
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, 4, 8, 8), first
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(12))

    def forward(self, x):
        assert x.shape[2:] == (32, 32), 'one size'
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = x.transpose(0, 1) if self.first else x
        for block in self.blocks:
            x = block(x)
        return x.mean(dim=0 if self.first else 1)


@pytest.mark.parametrize('first', [False, True])
def test_quarters_of_a_chain(first):
    assert found(Tokens(first)) == [
        (f'blocks.{i}', 2, first) for i in (2, 5, 8, 11)]


def test_a_short_chain_is_taken_whole():
    net = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(3)))
    assert [name for name, *_ in found(net)] == ['0', '1', '2']


def test_a_module_that_runs_twice_is_no_stage():

    class Twice(nn.Module):

        def __init__(self):
            super().__init__()
            self.steps = nn.ModuleList([halving(3), halving(4), halving(4)])
            self.act = nn.ReLU()

        def forward(self, x):
            for step in self.steps:
                x = self.act(step(x))
            return x

    net = Twice()
    assert [name for name, *_ in found(net)] == [
        'steps.0', 'steps.1', 'steps.2']
    # and nothing is left in the network that listens
    assert not any(m._forward_hooks or m._forward_pre_hooks
                   for m in net.modules())


def test_a_network_without_stages():
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    with pytest.raises(ValueError, match=r'\(Sequential\) gives .*--features '
                       'pooled'):
        found(net)


# ---- models as they are, by their shapes alone

HALVING = dict(
    alexnet='features.1 features.4 features.11 avgpool',
    convnext_tiny='features.1 features.3 features.5 features.7',
    densenet121='features.relu0 features.denseblock1 features.denseblock2 '
    'features.denseblock3 features.norm5',
    efficientnet_b0='features.1 features.2 features.3 features.5 features.8',
    googlenet='conv1 conv3 inception3b inception4e inception5b',
    inception_v3='Conv2d_2b_3x3 Conv2d_4a_3x3 Mixed_5d Mixed_6e Mixed_7c',
    maxvit_t='stem blocks.0 blocks.1 blocks.2 blocks.3',
    mnasnet0_5='layers.7 layers.8 layers.9 layers.11 layers.16',
    mobilenet_v2='features.1 features.3 features.6 features.13 features.18',
    mobilenet_v3_small='features.0 features.1 features.3 features.8 '
    'features.12',
    resnet18='relu layer1 layer2 layer3 layer4',
    resnext50_32x4d='relu layer1 layer2 layer3 layer4',
    shufflenet_v2_x0_5='conv1 maxpool stage2 stage3 conv5',
    squeezenet1_1='features.1 features.4 features.7 features.12',
    swin_t='features.1 features.3 features.5 permute',
    vgg11='features.1 features.4 features.9 features.14 features.19 avgpool',
    vit_b_32='encoder.layers.encoder_layer_2 encoder.layers.encoder_layer_5 '
    'encoder.layers.encoder_layer_8 encoder.layers.encoder_layer_11',
)


def check_shapes(net, size):
    """Stages of a network on the meta device; (B, C) for every one."""
    stages = find_stages(net, net, torch.zeros(1, 3, *size))
    parts, _ = StageReader(stages).run(net, torch.zeros(2, 3, *size))
    assert len(parts) == 2 * len(stages) >= 6
    assert all(p.dim() == 2 and len(p) == 2 for p in parts)
    names = {module: name for name, module in net.named_modules()}
    return ' '.join(names[s.module] for s in stages), stages


@pytest.mark.parametrize('name', HALVING)
def test_classifiers_of_torchvision(name):
    models = pytest.importorskip('torchvision').models
    slow = dict(init_weights=False) if name in (
        'googlenet', 'inception_v3') else {}
    with torch.device('meta'), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        net = getattr(models, name)(**slow).eval()
        names, stages = check_shapes(net, (224, 224))
    assert names == HALVING[name]
    last = {'swin_t': [3, 3, 3, 1], 'vit_b_32': [2] * 4}
    assert [s.channels for s in stages] == last.get(name, [1] * len(stages))


def test_regnet():
    models = pytest.importorskip('torchvision').models
    net = models.regnet_y_400mf().eval()  # cannot be made on the meta device
    assert ' '.join(name for name, *_ in found(net, (64, 64))) == (
        'stem trunk_output.block1 trunk_output.block2 trunk_output.block3 '
        'trunk_output.block4')


BLOCKS = 'trunk.blocks.2 trunk.blocks.5 trunk.blocks.8 trunk.blocks.11'
TOWERS = {
    'ViT-B-32': BLOCKS.replace('trunk.blocks', 'transformer.resblocks'),
    'coca_base': BLOCKS.replace('trunk.blocks', 'transformer.resblocks'),
    'RN50': 'act3 layer1 layer2 layer3 layer4',
    'convnext_tiny': 'trunk.stages.0 trunk.stages.1 trunk.stages.2 '
    'trunk.norm_pre',
    'ViT-B-16-SigLIP': BLOCKS,
    'EVA02-B-16': BLOCKS,
    'PE-Core-T-16-384': BLOCKS,
    'MobileCLIP-S1': 'trunk.stem.0 trunk.stages.0 trunk.stages.1 '
    'trunk.stages.2 trunk.final_conv',
    'ViTamin-S': 'trunk.patch_embed.backbone.stem '
    'trunk.patch_embed.backbone.stages.0 '
    'trunk.patch_embed.backbone.stages.1 trunk.norm',
    'swin_base_patch4_window7_224': 'trunk.layers.0 trunk.layers.1 '
    'trunk.layers.2 trunk.layers.3',
}


@pytest.mark.parametrize('name', TOWERS)
def test_image_towers_of_open_clip(name):
    open_clip = pytest.importorskip('open_clip')
    from open_clip.model import _build_vision_tower
    config = open_clip.get_model_config(name)
    with torch.device('meta'):
        net = _build_vision_tower(
            config['embed_dim'], config['vision_cfg']).eval()
        size = net.image_size
        names, stages = check_shapes(
            net, size if isinstance(size, tuple) else (size, size))
    assert names == TOWERS[name]
    assert not any(s.tokens_first for s in stages)
