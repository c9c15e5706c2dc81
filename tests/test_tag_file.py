"""Tag files: what is read, and what is refused in one line."""
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dequity_mmdet3d.tag_file import (
    check_place,
    keep_tags,
    read_tags,
    tags_beside,
    tags_path,
    write_tags,
)
from dequity_mmdet3d.tags import Tags

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


TAGS = Tags('given.csv', ('7', '8'), {'weather': ('rain', ''),
                                      'time': ('day', 'night')})


def test_beside_a_table(tmp_path):
    table = tmp_path / 'new' / 't.parquet'
    assert tags_beside(table) is None
    # of the table's samples alone, in its order, with all columns
    assert keep_tags(table, TAGS, ['8', '9']) == tags_path(table)
    found = tags_beside(table)
    assert found.ids == ('8', '9') and found.path == tags_path(table)
    assert found.columns == {'weather': ('', ''), 'time': ('night', '')}
    assert [p.name for p in table.parent.iterdir()] == ['t.tags.parquet']
    # an earlier table's tags go with it
    assert keep_tags(table, None, ['8']) is None
    assert not list(table.parent.iterdir())


def test_a_file_of_the_user_s_stays(tmp_path):
    table, path = tmp_path / 't.parquet', tmp_path / 't.tags.parquet'
    for write in (
            lambda: pq.write_table(pa.table({'id': ['7'], 'a': ['x']}), path),
            lambda: path.write_bytes(b'no Parquet')):
        write()
        before = path.read_bytes()
        assert keep_tags(table, None, ['7']) == str(path)
        with pytest.raises(ValueError, match='not written by dequity; give'):
            check_place(table, TAGS)
        with pytest.raises(ValueError, match='not written by dequity; give'):
            keep_tags(table, TAGS, ['7'])
        # unless it is the very file
        keep_tags(table, Tags(str(path), ('7', ), {'a': ('x', )}), ['7'])
        assert path.read_bytes() == before


def test_nothing_half_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='cannot write'):
        write_tags(tmp_path / 'file' / 't.tags.parquet', TAGS)
    assert [p.name for p in tmp_path.iterdir()] == ['file']
