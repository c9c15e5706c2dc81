"""The example of docs/other_trainers.md, run as it stands, torch alone."""
import re

import numpy as np
import pytest
import torch

from dequity_mmdet3d.table import LikelihoodTable
from tests.helpers import ROOT
from tests.test_imports import HOST, block, run

TEXT = (ROOT / 'docs/other_trainers.md').read_text(encoding='utf-8')
EXAMPLE = '\n'.join(re.findall(r'```python\n(.*?)```', TEXT, re.S))
IDS = ['000134', '000007', '12']
LIKELIHOOD = np.array([1.0, 0.5, 0.25])


@pytest.fixture
def here(tmp_path, monkeypatch):
    LikelihoodTable(IDS, LIKELIHOOD, np.array([0, 1, 2]),
                    np.array([4, 2, 1]), {}).save(
        tmp_path / 'likelihoods.parquet')
    monkeypatch.chdir(tmp_path)


def test_example_without_the_host(here, tmp_path):
    code = (f'import os, sys\nsys.path.insert(0, os.getcwd())\n'
            f'os.chdir({str(tmp_path)!r})\n')
    done = run(block(*HOST, 'mmengine') + code + EXAMPLE + '\nprint("fine")')
    assert done.stdout == 'fine\n', done.stderr


def test_example_is_the_weighted_loss(here):
    """The last step by hand, in float64."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    try:
        names = {}
        exec(EXAMPLE, names)
        w = (1 + (1 - LIKELIHOOD)**5) / 2
        assert names['weight_of'] == pytest.approx(w)
        torch.manual_seed(0)
        network = torch.nn.Linear(8, 4)
        data, targets = torch.randn(3, 8), torch.randn(3, 4)
        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        for batch in ([0, 1], [2, 0]):
            loss = sum(
                w[i] * ((network(data[i]) - targets[i])**2).sum()
                for i in batch) / (2 * 4)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    finally:
        torch.set_default_dtype(torch.float32)
    for got, want in zip(names['network'].parameters(),
                         network.parameters()):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-14)
    assert len(names['order']) == 3
    assert set(names['order'].tolist()) <= {0, 1, 2}
