"""Bad weather, bad light and bad cameras, put onto clean photographs.

Drawn with Pillow and numpy, without depth: as rare looks for held_out.py, not
as models of weather. Lengths are in shares of the image's shorter side, so
that a small image gets what a large one gets.

Shape letters: H height, W width. Every function takes (H, W, 3) float64 in
[0, 1], a severity 0, 1 or 2 and a numpy Generator, and returns the like, which
:func:`corrupt` clips. After the kinds of Hendrycks and Dietterich,
`Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations <https://arxiv.org/abs/1903.12261>`_; all parameters are ours.
"""
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SEVERITIES = ('mild', 'clear', 'strong')
_GREY = np.array([.299, .587, .114])  # luma of ITU-R BT.601


def night(x, severity, rng):
    """Darker by a gamma, bluer, noisy."""
    gamma, gain = ((1.4, .7), (2., .5), (2.6, .3))[severity]
    tint = 1 + (.05, .1, .15)[severity] * np.array([-1., 0., 1.])
    noise = (.01, .02, .04)[severity] * rng.standard_normal(x.shape)
    return gain * x**gamma * tint + noise


def fog(x, severity, rng):
    """Blended to grey, most at the top, where things are far."""
    most = (.35, .6, .85)[severity]
    share = most * np.linspace(1, .5, len(x))[:, None, None]
    return (1 - share) * x + share * .75


def rain(x, severity, rng):
    """Slanted bright streaks over a duller, darker image."""
    height, width = x.shape[:2]
    side, layer = min(height, width), Image.new('L', x.shape[1::-1])
    pen, slant = ImageDraw.Draw(layer), rng.uniform(-.3, .3)
    for _ in range((60, 150, 350)[severity]):
        u, v = rng.uniform(-.1, 1.1, 2) * (width, height)
        length = rng.uniform(.05, .15) * side
        pen.line((u, v, u + slant * length, v + length),
                 int(rng.integers(90, 200)), max(1, round(side / 250)))
    drops = np.asarray(layer.filter(ImageFilter.GaussianBlur(side / 500)))
    dull = (.15, .3, .5)[severity]
    x = (1 - dull) * x + dull * .8 * (x @ _GREY)[..., None].clip(.1, .7)
    return x + (.9 - x) * drops[..., None] / 255


def snow(x, severity, rng):
    """Falling flakes, near ones large and blurred, and a whiter image."""
    height, width = x.shape[:2]
    side = min(height, width)
    for size, count in ((.004, 300), (.009, 80), (.018, 20)):
        layer = Image.new('L', (width, height))
        pen = ImageDraw.Draw(layer)
        for _ in range(count * (1, 2, 4)[severity]):
            u, v = rng.random(2) * (width, height)
            r = size * side * rng.uniform(.5, 1)
            pen.ellipse((u - r, v - r, u + r, v + r), 255)
        flakes = np.asarray(layer.filter(
            ImageFilter.GaussianBlur(size * side / 3)))[..., None] / 255
        x = x + (.95 - x) * .8 * flakes
    white = (.05, .12, .25)[severity]
    return (1 - white) * x + white


def glare(x, severity, rng):
    """A low sun: a bright spot in the upper half, and a veil of light."""
    height, width = x.shape[:2]
    v, u = np.mgrid[:height, :width] / min(height, width)
    at = rng.uniform(.2, .8) * u.max(), rng.uniform(.1, .5) * v.max()
    light = np.exp(-np.hypot(u - at[0], v - at[1]) / .25)[..., None]
    strength = (.5, 1., 1.8)[severity]
    return x + strength * (light + .08) * np.array([1, .95, .8])


def defocus(x, severity, rng):
    """Blurred (Gaussian)."""
    radius = (.006, .012, .025)[severity] * min(x.shape[:2])
    return _filtered(x, lambda image: image.filter(
        ImageFilter.GaussianBlur(radius)))


def noise(x, severity, rng):
    """Noise of a sensor at high gain, in each channel by itself."""
    return x + (.04, .08, .16)[severity] * rng.standard_normal(x.shape)


def jpeg(x, severity, rng):
    """Compressed again, at a low quality."""

    def compress(image):
        file = io.BytesIO()
        image.save(file, 'JPEG', quality=(30, 15, 7)[severity])
        return Image.open(file)

    return _filtered(x, compress)


def none(x, severity, rng):
    """Nothing, as a control: .5 is right."""
    return x


CORRUPTIONS = {f.__name__: f for f in (
    night, fog, rain, snow, glare, defocus, noise, jpeg, none)}


def corrupt(image, name, severity, seed=0):
    """One image, corrupted.

    Args:
        image (PIL.Image.Image): RGB.
        name (str): One of ``CORRUPTIONS``.
        severity (int): Of ``SEVERITIES``, by number.
        seed (int | Sequence[int]): Of drops, flakes, noise and the sun.

    Returns:
        PIL.Image.Image: RGB, of the same size; grey if the image is, so that
        no colour gives it away.
    """
    x = np.asarray(image) / 255
    bad = _image(CORRUPTIONS[name](x, severity, np.random.default_rng(seed)))
    grey = (np.ptp(x, axis=2) == 0).all()
    return bad.convert('L').convert('RGB') if grey else bad


def _image(x):
    return Image.fromarray(np.rint(255 * x.clip(0, 1)).astype(np.uint8))


def _filtered(x, change):
    return np.asarray(change(_image(x))) / 255
