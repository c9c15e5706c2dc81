"""Tag files: what is read, and what is refused in one line."""
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dequity_mmdet3d.tags import MAX_VALUES, read_tags

TEXT = 'sample_id,weather,time\n7,rain,day\n8, sun ,\n'


def tag_file(folder, text, name='tags.csv', encoding='utf-8'):
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def test_csv(tmp_path):
    for encoding in ('utf-8', 'utf-8-sig'):
        tags = read_tags(tag_file(tmp_path, TEXT, encoding=encoding))
        assert tags.ids == ('7', '8')
        assert tags.columns == {'weather': ('rain', 'sun'),
                                'time': ('day', '')}
    assert tags.values('weather', ['8', '7', '8']) == ['sun', 'rain', 'sun']


def test_parquet(tmp_path):
    path = tmp_path / 'tags.parquet'
    pq.write_table(pa.table({'id': [7, 8], 'wet': [True, None],
                             'lanes': [2, 3]}), path)
    tags = read_tags(path)
    assert tags.ids == ('7', '8')
    assert tags.columns == {'wet': ('True', ''), 'lanes': ('2', '3')}


def test_frames_with_leading_zeros(tmp_path):
    """KITTI's files are 000134, its samples '134'."""
    tags = read_tags(tag_file(
        tmp_path, 'sample_id,mode\n000134,fog\n015,a\n15,b\n'))
    assert tags.values('mode', ['134', '15', '015']) == ['fog', 'b', 'a']
    tags.check_known(['134', '15', '015', 'more'])
    with pytest.raises(ValueError, match="1 of 3 rows name .*'000134'"):
        tags.check_known(['15', '015'])


def test_samples_without_a_tag(tmp_path):
    tags = read_tags(tag_file(tmp_path, TEXT))
    with pytest.raises(ValueError, match="1 of 2 samples have no row, '9'"):
        tags.values('weather', ['7', '9'])
    with pytest.raises(ValueError, match="'time' is empty for 1 of 1 .*'8'"):
        tags.values('time', ['8'])
    with pytest.raises(KeyError, match=r"no tag 'road', but \['weather'"):
        tags.values('road', ['7'])


def test_a_number_of_each_sample_is_no_tag(tmp_path):
    tags = read_tags(tag_file(tmp_path, 'id,speed\n' + ''.join(
        f'{i},{i}\n' for i in range(10_000))))
    with pytest.raises(ValueError, match="'speed' has 10000 different"):
        tags.values('speed', tags.ids)
    assert len(tags.values('speed', tags.ids[:MAX_VALUES])) == MAX_VALUES


@pytest.mark.parametrize('text, message', [
    ('', 'one column of ids'),
    ('frame,weather\n1,rain\n', 'one column of ids'),
    ('id\n1\n', 'tags in others'),
    ('id,a,a\n1,x,y\n', 'a name of its own'),
    ('id,sample_id,a\n1,1,x\n', 'one column of ids'),
    ('id,a\n', 'at least one sample'),
    ('id,a\n1,x\n1,y\n', "1 appear more than once: '1'"),
    ('id,a\n1,x,y\n', 'line 2 has 3 values, the header 2'),
    ('id,a\n1,"x\n', 'unexpected end'),
])
def test_bad_files(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        read_tags(tag_file(tmp_path, text))
    assert 'tags.csv' in str(error.value) and '\n' not in str(error.value)


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        read_tags(tmp_path / 'no.csv')
    with pytest.raises(ValueError, match='.csv or .parquet'):
        read_tags(tag_file(tmp_path, TEXT, 'tags.txt'))
    with pytest.raises(ValueError, match='Parquet'):
        read_tags(tag_file(tmp_path, TEXT, 'tags.parquet'))
    path = tmp_path / 'float.parquet'
    pq.write_table(pa.table({'id': ['a'], 'p': [0.5]}), path)
    with pytest.raises(ValueError, match="'p' is double"):
        read_tags(path)
    path = tag_file(tmp_path, '')
    path.write_bytes(b'id,a\n1,\xff\n')
    with pytest.raises(ValueError, match='utf-8'):
        read_tags(path)
