"""A likelihood table as plain text.

Shape letters: N samples.
"""
from dequity_mmdet3d.table_file import COLUMNS
from dequity_mmdet3d.weight import sample_weights
from dequity_mmdet3d.whole_file import csv_text, whole_file


def write_csv(path, table, eta=1.0, gamma=5.0, normalize=None):
    """Write a table as CSV: the file is whole or not there at all.

    Args:
        path (str | Path): File to write; its folder is made if needed.
        table (LikelihoodTable): N samples.
        eta, gamma, normalize: Of the column ``weight``, see
            :func:`dequity_mmdet3d.weight.sample_weights`.

    Raises:
        ValueError: If there are no weights of such parameters.
        OSError: If the file cannot be written there.
    """
    text = as_csv(table, eta, gamma, normalize)
    with whole_file(path, parents=True) as f:
        f.write(text.encode())


def as_csv(table, eta=1.0, gamma=5.0, normalize=None):
    """The text: a header line, then a line a sample, in the table's order.

    Numbers have as many digits as it takes to read them back exactly; ids
    are :func:`.whole_file.plain_text`.

    Args and errors: see :func:`write_csv`.

    Returns:
        str: Columns ``sample_id``, ``likelihood``, ``cluster_id``,
        ``cluster_size`` and ``weight``.
    """
    weight = sample_weights(table.likelihood, eta, gamma, normalize)
    columns = [getattr(table, name).tolist() for name in COLUMNS]
    return csv_text([*COLUMNS, 'weight'], zip(*columns, weight.tolist()))
