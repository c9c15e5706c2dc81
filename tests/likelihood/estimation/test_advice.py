"""Advice: which cause is named when, and that it can be read again."""
import pytest

from dequity_mmdet3d.likelihood.estimation.advice import (
    advise,
    diagnosis_lines,
)

# a good table of 1,000 samples
GOOD = dict(samples=1000, clusters=3, largest=0.5, rare=30, lone=0,
            correlation=[0.97, 0.95], repeated=[3, 3], weight=0.0,
            tenths=[0.3] * 10, deviation=[0.02] * 10,
            weights=dict(
                eta=1.0, gamma=5.0, lowest=0.5, highest=0.9, effective=950.0,
                rarest_tenth=0.14, variation=0.01, best_gamma=5.0,
                best_rarest_tenth=0.14))


def metadata(near=None, groups=None, count=None, **changed):
    found = dict(diagnosis=dict(GOOD, **changed))
    if near is not None:
        found['near_duplicates'] = dict(
            looked_at=1000, near=near[0], same_drive=near[1], threshold=0.05)
    if groups is not None:
        found['groups'] = dict(source='file', drives=groups[0],
                               largest=groups[1])
    found['clustering'] = dict(method='soft') | (
        dict(count=count) if count else {})
    return found


EQUAL = dict(GOOD['weights'], lowest=0.5, highest=0.5)


@pytest.mark.parametrize('why, found', [
    ([], metadata()),
    ([], metadata(near=(99, None))),
    ([], metadata(near=(500, 99), groups=(20, 60))),
    ([], metadata(near=(500, 400), groups=(20, 60), count='drives')),
    ([], metadata(drives=[0.93, 0.91], groups=(20, 60))),
    (['few samples'], metadata(samples=49, correlation=None)),
    (['all alike'], metadata(weights=EQUAL)),
    (['even weights'], metadata(weights=dict(
        GOOD['weights'], rarest_tenth=0.11))),
    (['all alike'], metadata(weights=None, weight=None, clusters=1, rare=0)),
    (['upside down'], metadata(weight=None, lone=501)),
    (['unstable'], metadata(correlation=[0.95, 0.89])),
    (['unstable'], metadata(correlation=[0.2], weight=None)),
    (['few drives'], metadata(drives=[0.93, 0.7], groups=(20, 60))),
    (['near duplicates'], metadata(near=(100, None))),
    (['near duplicates'], metadata(near=(500, 400), groups=(20, 60))),
    (['one drive'], metadata(groups=(3, 600))),
    (['unstable', 'near duplicates', 'one drive'], metadata(
        correlation=[0.5], near=(500, 400), groups=(3, 600))),
])
def test_causes(why, found):
    advice = advise(found)
    assert [a.why for a in advice] == why
    assert all('\n' not in a.line for a in advice)


def test_unstable_says_what_follows_for_the_weights():
    line = advise(metadata(correlation=[0.8]))[0].line
    # w = (1 + .7^5) / 2, and p moves by .02 each way
    up, down = (1 + 0.72**5) / 2, (1 + 0.68**5) / 2
    by = (up - down) / 2 / ((1 + 0.7**5) / 2)
    assert 'stability 0.80' in line and f'vary by {by:.1%} at eta 1' in line
    up, down = (3 + 0.72**5) / 4, (3 + 0.68**5) / 4
    by = (up - down) / 2 / ((3 + 0.7**5) / 4)
    assert f'by {by:.1%} at eta 3' in line
    assert 'raise eta' in line
    steady = advise(metadata(correlation=[0.8], deviation=[0.0] * 10))[0].line
    assert 'raise eta' not in steady
    few = advise(metadata(correlation=[0.8], samples=300))[0].line
    assert '300 samples are few' in few and '--apply' in few
    other = advise(metadata(correlation=[0.8], weight=None))[0].line
    assert '--method soft' in other and 'eta' not in other


def test_even_weights_say_what_eta_0_would_do():
    # p of the tenths .2 and .8: .8^5 beside nine times .2^5
    tenths = [0.2] + [0.8] * 9
    line = advise(metadata(tenths=tenths, weights=dict(
        GOOD['weights'], rarest_tenth=0.105)))[0].line
    share = 0.8**5 / (0.8**5 + 9 * 0.2**5)
    assert 'hardly differ at eta 1' in line and f'about {share:.0%}' in line


def test_all_lines_of_a_table():
    lines = diagnosis_lines(metadata(near=(500, 400), groups=(20, 60)))
    assert lines[0].startswith('3 clusters of 1000')
    assert lines[-2] == ('500 of 1000 samples (50.0%) are near duplicates of '
                         'another, 400 of them within a drive')
    assert '--count drives counts it once' in lines[-1]
    with pytest.raises(KeyError):
        diagnosis_lines({})
    for broken in (None, 'odd', dict(x=1)):
        with pytest.raises(TypeError):
            diagnosis_lines(dict(diagnosis=broken))
