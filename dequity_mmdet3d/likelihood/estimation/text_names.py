r"""What to call clusters: by texts, where the encoder knows texts.

Models such as CLIP put images and texts into one space. There all images
share a large part, and so do all texts, so that the raw similarity of a text
says more of the text than of the image (some are near to everything). What
counts is by how much a text is nearer to a cluster than to the others:

.. math:: s_{ct} = \cos(m_c, e_t) - \frac1K \sum_{c'} \cos(m_{c'}, e_t)

with m_c the mean direction of the images of cluster c and e_t the text. The
name is the text of the largest s.

Shape letters: N samples, K clusters, T texts, D embedding size, E of the
part of it that lies in the space of texts.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..embeddings.vectors import UnitVectors

MAX_NAMED = 50
_SHOWN = 8
_EQUAL = 1e-6  # float32 knows a cosine no better


@dataclass(frozen=True)
class Texts:
    """Texts as an encoder sees them.

    Args:
        source (str): Where they come from, for people.
        texts (tuple[str, ...]): T of them.
        vectors (np.ndarray): (T, E) float32 of length 1, in the space of the
            last E numbers of an image's embedding.
        dim (int): D of one image.
    """
    source: str
    texts: tuple[str, ...]
    vectors: np.ndarray
    dim: int


def name_clusters(vectors: UnitVectors, labels: np.ndarray,
                  texts: Texts) -> list[str]:
    """Names of clusters, see above.

    Args:
        vectors (UnitVectors): (N, D) embeddings, or (N, C D) of C cameras
            side by side, which count alike.
        labels (np.ndarray): (N,) int64 clusters, -1 for none.
        texts (Texts): To choose from.

    Returns:
        list[str]: (K,) names; '' where no text fits better than to the
        others, as where there is one cluster.
    """
    sums = np.zeros((int(labels.max()) + 1, texts.vectors.shape[1]))
    if not len(sums):
        return []
    for start, block in vectors.blocks():
        parts = block.reshape(len(block), -1, texts.dim)[
            ..., -texts.vectors.shape[1]:]
        parts = _unit(parts).sum(axis=1)
        own = labels[start:start + len(block)]
        np.add.at(sums, own[own >= 0], parts[own >= 0])
    near = _unit(sums) @ texts.vectors.T
    near -= near.mean(axis=0)
    best = near.argmax(axis=1)
    return [texts.texts[t] if near[c, t] > _EQUAL else ''
            for c, t in enumerate(best)]


def _unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def names_of(metadata: dict) -> list[str]:
    """Names of a table's largest clusters, from texts or from tags.

    Args:
        metadata (dict): Of the table.

    Returns:
        list[str]: By number of the cluster; '' for one without a name, and
        fewer than there are clusters, or none.
    """
    clustering = metadata.get('clustering')
    for holder, key in ((metadata.get('names'), 'clusters'),
                        (metadata.get('tags'), 'clusters'),
                        (clustering, 'combinations')):
        found = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(found, list) and all(
                isinstance(name, str) for name in found):
            return found
    return []


def names_lines(metadata: dict) -> list[str]:
    """A line on names by text, if there are some.

    Args:
        metadata (dict): Of a table.

    Returns:
        list[str]: For people; one or none.
    """
    about = metadata.get('names')
    if not isinstance(about, dict):
        return []
    named = [f'{c} {name}' for c, name in enumerate(names_of(metadata))
             if name]
    if not named:
        return []
    more = ', ...' if len(named) > _SHOWN else ''
    return [f'clusters by text ({about.get("source")}): '
            f'{", ".join(named[:_SHOWN])}{more}']
