"""What embeddings depend on."""
from dequity_mmdet3d.likelihood.encoding.identity import identity_of


def test_identity(fake_encoder):

    def of(**changes):
        return identity_of(fake_encoder, **dict(
            dict(batch_size=8, dtype='float16'), **changes))

    first = of()
    assert first == of() and first['format'] == 2
    others = [of(batch_size=4), of(dtype='float32')]
    for name, value in (('precision', 'bfloat16'), ('fingerprint', 'f')):
        setattr(fake_encoder, name, value)
        others.append(of())
    fake_encoder.features = 'stages'
    others.append(of())
    assert 'features' not in first and others[-1]['features'] == 'stages'
    assert all(other != first for other in others)
