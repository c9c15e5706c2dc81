"""Where a likelihood table comes from: what its metadata say.

The fields are those of the JSON in the file, see :mod:`.table`.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone

from . import __version__
from .sample_ids import ids_fingerprint

# None is an answer here; a field that is not among these is left out
_NULLS = ('dataset', 'split', 'encoder')


@dataclass(frozen=True)
class Provenance:
    """What is known of a table; each step adds its own with ``replace``.

    Args:
        source (str): 'config', 'images', 'embeddings' or 'cluster_info'.
        id_type (str): What the ids are: one of :data:`.sample_ids.ID_TYPES`
            (or several, 'sample_idx-token'), 'relative_path', 'given' or
            'row'.
        dataset (str, optional): The info file's ``metainfo['dataset']``.
        split (str, optional): Names of the annotation files.
        encoder (dict, optional): ``name``, ``pretrained``,
            ``weights_sha256``, ``features`` ('pooled' where it is
            missing), ``dim``, ``resize``, ``precision``,
            ``embedding_dtype`` and ``cameras`` (one of
            :data:`.choices.CAMERAS`, or 'one'). None for the user's own
            embeddings and the authors' tables.
        seed (int, optional): Of the clustering; None where nothing was left
            to chance.
        clustering (dict, optional): Its settings; by camera where each was
            clustered by itself. None where nothing was clustered.
        kind (str): One of :data:`.choices.KINDS`.
        diagnosis (dict, optional): See :class:`.diagnosis.Diagnosis`.
        groups (dict, optional): Of the drives that are known: ``source``,
            ``drives`` (how many) and ``largest`` (frames). Whether they
            were counted stands in ``clustering``, ``count``; frames were
            where it is missing.
        near_duplicates (dict, optional): See
            :class:`.near_duplicates.NearDuplicates`.
        tags (dict, optional): ``file`` of the tags that the table was
            compared with, ``agreement`` by tag, see
            :class:`.tag_agreement.Agreement`, and ``clusters``, names of the
            largest.
        names (dict, optional): ``source`` of the texts that clusters are
            named by, and ``clusters``, names of the largest, see
            :mod:`.text_names`.
        applied (dict, optional): ``ids_sha256`` and ``split`` of the table
            whose clusters these samples were assigned to.
        cluster_info (dict, optional): ``file`` and ``sha256`` of the
            authors' table.
        update (dict, optional): What moved since an earlier table, see
            :class:`.update.Change`.
        objects (dict, optional): How the likelihoods were made of objects,
            see :mod:`.likelihood.objects.run`.
        notes (list[str], optional): What the user should be told.
        skipped (list[str], optional): Ids of samples without a usable
            image, whose rows are neutral.
        package_version (str): Of this package; as the following, from
            :meth:`completed`.
        ids_sha256 (str): Of the sorted ids, one a line.
        n (int): Number of samples.
        versions (dict): Of the libraries.
        date (str): UTC, ISO 8601.
    """
    source: str
    id_type: str
    dataset: str | None = None
    split: str | None = None
    encoder: dict | None = None
    seed: int | None = None
    clustering: dict | None = None
    kind: str | None = None
    diagnosis: dict | None = None
    groups: dict | None = None
    near_duplicates: dict | None = None
    tags: dict | None = None
    names: dict | None = None
    applied: dict | None = None
    cluster_info: dict | None = None
    update: dict | None = None
    objects: dict | None = None
    notes: list[str] | None = None
    skipped: list[str] | None = None
    package_version: str | None = None
    ids_sha256: str | None = None
    n: int | None = None
    versions: dict | None = None
    date: str | None = None

    def completed(self, ids: Sequence[str],
                  versions: dict[str, str]) -> Provenance:
        """With what is known when the table is.

        Args:
            ids (Sequence[str]): N sample ids.
            versions (dict[str, str]): Of the libraries.

        Returns:
            Provenance: Dated now.
        """
        return replace(
            self,
            package_version=__version__,
            ids_sha256=ids_fingerprint(ids),
            n=len(ids),
            versions=versions,
            date=datetime.now(timezone.utc).isoformat(timespec='seconds'))

    def as_dict(self) -> dict:
        """dict: JSON-able, for :class:`.table.LikelihoodTable`."""
        # who did not cluster has no seed, who took the authors' has None
        nulls = _NULLS + (('seed', ) if self.clustering is not None else ())
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: v for k, v in found.items() if v is not None or k in nulls}
