"""What embeddings are known by."""
import os

from dequity_mmdet3d.likelihood.embeddings.names import relative_names
from dequity_mmdet3d.likelihood.encoding.identity import identity_of


def test_relative_names():
    a = ['/mnt/a/x/1.png', '/mnt/a/y/z/2.png', '/mnt/a/x/3.png']
    assert list(relative_names(a)) == ['x/1.png', 'y/z/2.png', 'x/3.png']
    assert list(relative_names(['/1.png', '/b/2.png'])) == ['1.png', 'b/2.png']
    assert list(relative_names(['x/1.png'])) == ['1.png']
    # the same file under a name from here, and from the root
    here = os.path.join(os.getcwd(), 'd', '1.png')
    assert list(relative_names(['d/1.png', here])) == ['1.png', '1.png']


def test_identity(fake_encoder):

    def of(paths, **changes):
        return identity_of(paths, fake_encoder, **dict(
            dict(batch_size=8, dtype='float16', shard_size=4), **changes))

    first = of(['/a/d/1.png', '/a/d/2.png'])
    assert first == of(['/b/1.png', '/b/2.png'])  # moved
    assert first['images'] == 2 and first['first_image'] == '1.png'
    others = [of(['/a/2.png', '/a/1.png']), of(['/a/1.png']),
              # no two lists may be one text
              of(['/a/1.png2.png', '/a/.png'])]
    others += [of(['/b/1.png', '/b/2.png'], **c) for c in (
        dict(batch_size=4), dict(dtype='float32'), dict(shard_size=2))]
    for name, value in (('precision', 'bfloat16'), ('fingerprint', 'f')):
        setattr(fake_encoder, name, value)
        others.append(of(['/b/1.png', '/b/2.png']))
    fake_encoder.features = 'stages'
    others.append(of(['/b/1.png', '/b/2.png']))
    # what pooled features are known by is what it was before there were more
    assert 'features' not in first and others[-1]['features'] == 'stages'
    assert all(other != first for other in others)
    assert of(['/b/\udcff.png'])['first_image'] == '\ufffd.png'
