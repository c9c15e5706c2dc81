"""The list of bad images: one line each, and read as it was."""
import pytest

from dequity_mmdet3d.likelihood.encoding.bad_images import (
    escape,
    read_bad_images,
    unescape,
    write_bad_images,
)


@pytest.mark.parametrize('text, written', [
    ('a/b.png', 'a/b.png'), ('C:\\new\\t', 'C:\\\\new\\\\t'),
    ('\\\n', '\\\\\\n'), ('\\n', '\\\\n'), ('a\r\tb', 'a\\r\\tb'), ('', '')])
def test_escapes(text, written):
    assert escape(text) == written
    assert unescape(written) == text


def test_lists_are_read_as_written(tmp_path):
    path = tmp_path / 'bad.txt'
    assert read_bad_images(path) == []
    failures = [('a\nb\tc\\n.png', 'x\ny\tz'), ('ü\udcff.png', 'no image'),
                ('a\u2028b\x85', '')]
    write_bad_images(path, failures)
    assert read_bad_images(path) == failures
    write_bad_images(path, [])
    assert read_bad_images(path) == []


def test_a_line_without_a_reason(tmp_path):
    path = tmp_path / 'bad.txt'
    path.write_text('a.png\n')
    assert read_bad_images(path) == [('a.png', '')]
