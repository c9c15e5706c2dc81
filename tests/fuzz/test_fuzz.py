"""Files at random, damaged and crafted, before each reader of them.

``DEQUITY_FUZZ_SECONDS`` is the time for all readers together, 120 unless it is
set; ``DEQUITY_FUZZ_FIRST`` the seed to begin with, such as that of a failure.
"""
import os
import random
import time
import warnings

import pytest

from .readers import READERS
from .watch import watched

SECONDS = float(os.environ.get('DEQUITY_FUZZ_SECONDS', 120))
FIRST = int(os.environ.get('DEQUITY_FUZZ_FIRST', 0))
LEAST = 20  # cases of each, however slow the machine is


@pytest.mark.parametrize('make', READERS, ids=lambda make: make.__name__)
def test_a_reader_takes_a_file_or_refuses_it(make, tmp_path):
    """A ValueError with the file's name, and nothing is run or written."""
    for package in dict(checkpoint=['mmdet3d'], images=['PIL'],
                        info_json=['mmengine']).get(make.__name__, ()):
        pytest.importorskip(package)
    name, write, read = make(tmp_path)
    path = tmp_path / name
    end = time.monotonic() + SECONDS / len(READERS)
    seed = FIRST
    taken = 0
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of decoders, about damage
        while seed < FIRST + LEAST or time.monotonic() < end:
            write(random.Random(f'{make.__name__} {seed}'), path)
            try:
                with watched(tmp_path):
                    read(path)
                taken += 1
            except (ValueError, OSError, KeyError) as e:
                # one line names the file, or what lies in its folder
                assert any(name in str(e) for name in (
                    str(tmp_path), 'sample', 'embeddings')), (
                    f'DEQUITY_FUZZ_FIRST={seed}: {e!r}')
            except BaseException as e:
                raise AssertionError(
                    f'DEQUITY_FUZZ_FIRST={seed}: {e!r}') from e
            seed += 1
    print(f'{make.__name__}: {seed - FIRST} files, {taken} taken')
