"""What is known of samples: looked up, or refused in one line."""
import pytest

from dequity_mmdet3d.tags import MAX_VALUES, Tags

TAGS = Tags('tags.csv', ('7', '8'), {'weather': ('rain', 'sun'),
                                     'time': ('day', '')})


def test_frames_with_leading_zeros():
    """KITTI's files are 000134, its samples '134'."""
    tags = Tags('tags.csv', ('000134', '015', '15'),
                {'mode': ('fog', 'a', 'b')})
    assert tags.values('mode', ['134', '15', '015']) == ['fog', 'b', 'a']
    tags.check_known(['134', '15', '015', 'more'])
    with pytest.raises(ValueError, match="1 of 3 rows name .*'000134'"):
        tags.check_known(['15', '015'])


def test_samples_without_a_tag():
    tags = TAGS
    with pytest.raises(ValueError, match="1 of 2 samples have no row, '9'"):
        tags.values('weather', ['7', '9'])
    with pytest.raises(ValueError, match="'time' is empty for 1 of 1 .*'8'"):
        tags.values('time', ['8'])
    with pytest.raises(KeyError, match=r"no tag 'road', but \['weather'"):
        tags.values('road', ['7'])


def test_a_number_of_each_sample_is_no_tag():
    ids = tuple(map(str, range(10_000)))
    tags = Tags('tags.csv', ids, {'speed': ids})
    with pytest.raises(ValueError, match="'speed' has 10000 different"):
        tags.values('speed', tags.ids)
    assert len(tags.values('speed', tags.ids[:MAX_VALUES])) == MAX_VALUES


def test_of_some_samples():
    some = TAGS.of(['8', '9', '07'])
    assert some.ids == ('8', '9', '07')
    assert some.columns == {'weather': ('sun', '', ''), 'time': ('', '', '')}
    assert TAGS.others_lines(['7', '8', '9']) == []
    assert TAGS.others_lines(['8']) == ['1 row of tags.csv is of other '
                                        'samples']
    assert TAGS.others_lines([]) == ['2 rows of tags.csv are of other '
                                     'samples']
