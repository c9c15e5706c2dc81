"""How objects are looked at, and what they say of a sample."""
from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ...json_files import NUMBER, fields_of
from ...table import LikelihoodTable
from ..choices import (
    OBJECT_FEATURES,
    OBJECT_MARGIN,
    OBJECT_MIN_SIZE,
    OBJECT_RULES,
)


@dataclass(frozen=True)
class ObjectSettings:
    """See :mod:`dequity_mmdet3d.likelihood.objects`.

    Args:
        rule (str): One of ``OBJECT_RULES``, see :mod:`.objects.rules`.
        margin (float): See :func:`.boxes.widened`.
        min_size (float): Pixels; smaller boxes are not looked at.
        features (str): One of ``OBJECT_FEATURES``.

    Raises:
        ValueError: If one is something else.
    """
    rule: str = OBJECT_RULES[0]
    margin: float = OBJECT_MARGIN
    min_size: float = OBJECT_MIN_SIZE
    features: str = OBJECT_FEATURES[0]

    def __post_init__(self) -> None:
        for name, known in (('rule', OBJECT_RULES),
                            ('features', OBJECT_FEATURES)):
            if getattr(self, name) not in known:
                raise ValueError(f'{name} must be one of {known}, but is '
                                 f'{getattr(self, name)!r}')
        for name in ('margin', 'min_size'):
            if not 0 <= getattr(self, name) < 2**31:
                raise ValueError(f'{name} must be 0 or more, but is '
                                 f'{getattr(self, name)}')
        if self.features == 'points' and self.rule == 'product':
            raise ValueError("the rule 'product' looks at images, so it does "
                             "not go with the features 'points'")

    @property
    def looks_at_scenes(self) -> bool:
        """bool: Whether the scene's likelihood is asked as well."""
        return self.rule == 'product'

    def as_dict(self) -> dict:
        """dict: JSON-able."""
        return asdict(self)

    @classmethod
    def of_table(cls, table: LikelihoodTable,
                 path: str | Path) -> ObjectSettings:
        """Those that a table was made with.

        Args:
            table (LikelihoodTable): By ``--objects``.
            path (str | Path): Of it, for errors.

        Raises:
            ValueError: If it was made otherwise, or tells nonsense.
        """
        found = table.metadata.get('objects')
        if not found:
            raise ValueError(f'{path} was not made with --objects; leave it '
                             'out, or give a table that was')
        try:
            found = fields_of(found, dict(rule=str, margin=NUMBER,
                                          min_size=NUMBER, features=str))
            return cls(**{k: found[k] for k in cls.__dataclass_fields__})
        except ValueError as e:
            raise ValueError(f'{path}: its objects: {e}; make the table '
                             'anew') from e
