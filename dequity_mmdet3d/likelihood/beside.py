"""What lies beside a likelihood table, and its name there."""
from ..parquet_file import stem_of

# here too, as evaluation needs to find it
from ..tag_file import tags_path as tags_path


def bad_images_path(out):
    """Where the list for a table lies.

    Example:
        >>> bad_images_path('a/t.parquet')
        'a/t.bad_images.txt'
    """
    return f'{stem_of(out)}.bad_images.txt'


def embeddings_folder(out):
    """Where the embeddings for a table lie.

    Example:
        >>> embeddings_folder('a/t.parquet')
        'a/t.embeddings'
    """
    return f'{stem_of(out)}.embeddings'


def modes_path(table):
    """Where the modes of a table lie.

    Example:
        >>> modes_path('a/t.parquet')
        'a/t.modes.npz'
    """
    return f'{stem_of(table)}.modes.npz'


def rows_path(table):
    """Where the samples of a table lie, in few dimensions.

    Example:
        >>> rows_path('a/t.parquet')
        'a/t.rows.npz'
    """
    return f'{stem_of(table)}.rows.npz'


def pairs_path(out):
    """Where near duplicates of training samples are listed.

    Example:
        >>> pairs_path('a/val.parquet')
        'a/val.near_duplicates.csv'
    """
    return f'{stem_of(out)}.near_duplicates.csv'


def suspects_path(out):
    """Where tags that look wrong are listed.

    Example:
        >>> suspects_path('a/t.parquet')
        'a/t.suspect_tags.csv'
    """
    return f'{stem_of(out)}.suspect_tags.csv'


def objects_path(out):
    """Where the object table of a likelihood table lies.

    Example:
        >>> objects_path('a/t.parquet')
        'a/t.objects.parquet'
    """
    return f'{stem_of(out)}.objects.parquet'
