"""Texts that clusters may be named by, where the encoder knows texts."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..messages import first_five

# Each is what the model is asked, and the name. Weather, light, road, content.
DRIVING = (
    'a road on a sunny day', 'a road under an overcast sky',
    'a road in the rain', 'a wet road after rain', 'a road in dense fog',
    'a road in falling snow', 'a road covered with snow',
    'a road in a sandstorm',
    'a street at night', 'a street lit by street lamps at night',
    'a road at dusk or dawn', 'a road in glaring sunlight',
    'a road in deep shadow', 'an overexposed image', 'a dark image',
    'a blurred image', 'an image through a dirty lens with raindrops',
    'a motorway', 'a country road', 'a city street', 'a residential street',
    'a narrow alley', 'a tunnel', 'a bridge', 'a road intersection',
    'a roundabout', 'a parking lot', 'a construction site on a road',
    'a railway crossing', 'a dirt road', 'a mountain road',
    'a road through a forest', 'a road between fields',
    'a traffic jam', 'an empty road', 'parked cars along a street',
    'pedestrians crossing a street', 'a crowd of people', 'cyclists',
    'motorcycles', 'trucks', 'buses', 'a tram', 'an emergency vehicle',
    'animals on a road', 'tall buildings', 'trees along a street')
_LONGEST = 200  # characters; models of open_clip read 77 tokens at most


@dataclass(frozen=True)
class Prompts:
    """Texts to name clusters by.

    Args:
        source (str): Where they come from, for people.
        texts (tuple[str, ...]): Two or more.
        asked (bool): Whether the user gave them, so that a run without their
            names is an error.
    """
    source: str
    texts: tuple[str, ...]
    asked: bool


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """The user's texts.

    Args:
        path (str | Path): UTF-8 text, a prompt a line; blank lines and those
            that begin with # do not count.

    Returns:
        tuple[str, ...]: Two or more, each once.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no UTF-8, has fewer, one twice or too long a
            line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'--names: there is no file {path} (looked from {Path.cwd()}); '
            "correct the path, or give 'auto' or 'none'")
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as e:
        raise ValueError(f'{path} must be UTF-8 text with a prompt a line, '
                         f'but is not ({e}); save it as UTF-8') from e
    lines = [line.strip() for line in lines]
    prompts = [line for line in lines if line and not line.startswith('#')]
    twice = [line for line, n in Counter(prompts).items() if n > 1]
    if twice:
        raise ValueError(f'{path} has lines more than once: '
                         f'{first_five(twice)}; leave one of each')
    if len(prompts) < 2:
        raise ValueError(f'{path} must have two prompts or more, one a line, '
                         f'but has {len(prompts)}: a cluster is named by the '
                         'one that fits it better than others')
    long = [i for i, line in enumerate(lines, 1) if len(line) > _LONGEST]
    if long:
        raise ValueError(f'{path}: a prompt is a line of at most {_LONGEST} '
                         f'characters, but lines {first_five(long)} are '
                         'longer; shorten them')
    return tuple(prompts)


def prompts_for(names, tags, fits):
    """The texts of a run.

    Args:
        names (str | Path): 'auto', 'none' or a file.
        tags (Tags, optional): Which name clusters in place of 'auto'.
        fits (bool): Whether clusters are made of images.

    Returns:
        Prompts: None without any.

    Raises:
        ValueError: If a file is given and there are no such clusters; see
            also :func:`read_prompts`.
        FileNotFoundError: If there is no such file.
    """
    if names == 'none' or names == 'auto' and (tags is not None or not fits):
        return None
    if names == 'auto':
        return Prompts('built in', DRIVING, False)
    if not fits:
        raise ValueError(f'names={str(names)!r} are for clusters that are '
                         'made of images, not for given embeddings, nor with '
                         'apply; leave them out')
    return Prompts(Path(names).name, read_prompts(names), True)


def texts_for(encoder, prompts, say):
    """Texts as an encoder sees them.

    Args:
        encoder (Encoder): Those of open_clip know texts.
        prompts (Prompts, optional): Of the run.
        say (Callable): Takes a line.

    Returns:
        Texts: None without any, or if they were not asked for and cannot be
        had.

    Raises:
        ValueError: If they were asked for, and the encoder knows no texts.
        OSError: If what reads texts cannot be fetched.
    """
    from .estimation.text_names import Texts
    if prompts is None:
        return None
    if not hasattr(encoder, 'encode_texts'):
        if prompts.asked:
            raise ValueError(
                '--names needs an encoder that knows texts, a model of '
                f'open_clip such as ViT-B-32, but {encoder.name} does not; '
                'give --encoder and --pretrained, or leave --names out')
        return None
    try:
        vectors = encoder.encode_texts(prompts.texts)
    except OSError as e:
        if prompts.asked:
            raise
        say(f'clusters get no names: {e}')
        return None
    return Texts(prompts.source, prompts.texts, vectors, encoder.dim)
