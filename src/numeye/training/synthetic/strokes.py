"""Digits and signs drawn as strokes, in regional forms that MNIST lacks.

MNIST's writers are from the United States. People elsewhere write, for example, a 1 with a flag, a
7 with a bar, an open 4.

A form consists of strokes, and a stroke of points in a unit square: x to the right, y down, the
digit 1 high. Every point is moved a little at random. The points are joined by straight lines or by
a Catmull-Rom curve. The result is a distance field (`distance_fields.py`); the rasterizer gives it
the width of its strokes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic.distance_fields import FIELD_PX

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

Stroke = tuple[bool, np.ndarray]  # whether it is a curve, and its points (n, 2): x, y
Form = tuple[Stroke, ...]

LAYER_PX = 2 * FIELD_PX  # forms are drawn at twice the size of a field ...
FORM_PX = 88  # ... with this longer side
# Standard deviation of each point, in heights of the digit, of the calmest and the hastiest writer.
POINT_JITTER = (0.012, 0.045)
ROUNDED_SHARE = 0.3  # share of the forms whose corners are rounded


# A line for each form: the digit, then its strokes. `~` begins a curve and `-` straight lines; the
# points are in hundredths of the digit's height.
_DIGITS = """
0: ~ 30,0 6,22 2,60 25,100 56,75 60,30 30,0
0: ~ 42,6 20,3 2,45 20,97 50,85 58,35 36,0 20,10
0: ~ 30,0 2,50 30,100 58,50 30,0  - 62,0 0,100
1: - 30,0 30,100
1: - 14,20 34,0 34,100
1: - 0,42 38,0 38,100
1: - -5,62 42,0 40,100
1: - 14,20 34,0 34,100  - 5,100 62,100
1: - 2,36 36,0 36,100  - 5,100 62,100
1: ~ 8,30 28,16 38,0  - 38,0 30,100
2: ~ 4,24 20,2 50,6 55,34 30,70 0,100  - 0,100 65,98
2: ~ 6,20 30,0 56,20 40,60 12,96 0,86 14,80 38,96 66,92
2: ~ 4,16 30,0 55,22 30,66 2,98 30,94 62,100
3: ~ 4,12 30,0 54,16 46,38 25,44  ~ 25,44 58,56 56,85 30,100 2,88
3: - 4,0 58,0 25,42  ~ 25,44 58,56 56,85 30,100 2,88
3: ~ 2,10 30,0 50,20 30,45 20,48 34,48 58,70 30,100 0,86
4: - 46,0 0,66 66,66  - 46,0 46,100
4: - 18,0 2,60 64,58  - 46,28 42,100
4: - 6,0 6,50 56,50  - 54,0 54,100
4: ~ 6,0 4,36 16,52 40,50 54,40  - 56,0 52,100
4: - 32,0 2,62 60,60  - 40,36 30,100
5: - 60,0 14,0 10,44  ~ 10,44 38,36 60,60 50,92 22,100 0,90
5: - 14,4 10,44  ~ 10,44 38,36 60,60 50,92 22,100 0,90  - 14,2 64,-2
5: - 16,10 10,44  ~ 10,44 38,36 60,60 50,92 22,100 0,90  - 24,0 66,-6
5: ~ 56,2 20,2 8,26 34,48 56,74 30,100 2,90
6: ~ 50,0 16,34 3,72 28,100 56,78 32,54 6,74
6: ~ 60,14 42,0 12,30 2,70 28,100 56,76 30,52 5,70
6: - 34,0 6,62  ~ 6,62 4,84 28,100 54,80 32,58 6,70
6: - 8,0 4,70  ~ 4,70 12,96 38,98 54,76 34,56 6,68
7: - 0,2 60,0 20,100
7: - 0,2 60,0 24,100  - 10,52 56,48
7: - 2,18 4,0 60,0 26,100
7: - 2,18 4,0 60,0 26,100  - 10,52 56,48
7: ~ 0,10 16,0 36,7 60,0  ~ 60,0 40,40 28,100  - 10,52 56,48
7: ~ 0,10 16,0 36,7 60,0  ~ 60,0 36,45 30,100
8: ~ 50,10 28,0 8,20 30,46 56,76 30,100 2,78 28,50 52,26 48,6
8: ~ 30,0 8,22 30,46 52,22 30,0  ~ 30,46 2,74 30,100 58,74 30,46
8: ~ 58,2 30,2 10,20 34,48 54,78 28,100 4,78 30,48 62,10
9: ~ 55,20 38,0 10,10 5,36 28,50 50,36 55,16  - 55,16 50,100
9: ~ 55,20 38,0 10,10 5,36 28,50 50,36 55,16  ~ 55,16 56,60 42,94 6,92
9: ~ 55,20 38,0 10,10 5,36 28,50 50,36 55,16  ~ 55,16 56,74 34,100 6,84
9: ~ 55,20 38,0 10,10 5,36 28,50 50,36 55,16  - 55,20 20,100
0: ~ 22,8 4,40 10,90 40,96 58,60 50,14 38,2
0: ~ 40,2 12,14 2,56 22,98 54,84 60,36 44,6 28,4 50,12 74,4
0: ~ 60,4 30,0 4,24 4,74 34,100 66,78 64,26 40,4
0: ~ 50,20 30,0 4,30 6,80 36,98 60,64 52,16 30,4 6,14
1: - -16,96 34,0 32,100
1: ~ -22,84 6,40 34,0  - 34,0 34,100
1: ~ -14,44 14,24 36,0  - 36,0 34,100  ~ 34,100 40,102 48,96
1: ~ 20,0 16,50 18,92 30,100 40,92
1: - 36,0 20,100
1: - -10,30 30,0 30,100  - 4,102 56,98
2: ~ 2,22 14,4 42,2 56,22 44,50 16,84 4,98 -6,90 6,82 30,92 64,98
2: - 2,10 52,4 4,96 60,98
2: ~ 8,30 10,8 34,0 52,14 44,44 4,98  ~ 4,98 24,90 44,100 66,90
3: ~ 10,8 40,0 54,16 34,42 18,48  ~ 18,48 50,50 50,84 16,102 -10,92
3: ~ 4,18 24,0 46,12 34,38 14,46 40,52 48,80 22,102 0,88 8,78
4: - 10,0 0,55 60,55  - 40,25 34,100
4: ~ 14,0 2,40 10,56 34,54 58,46  - 52,8 40,100
4: ~ 12,0 6,30 14,46 36,44 50,20  - 54,0 44,100
4: - 44,0 -4,70 70,60  - 40,44 34,100
4: ~ 50,0 20,40 0,68  - 0,68 70,64  ~ 46,40 42,70 44,104
5: ~ 62,0 34,6 14,4 8,40 38,38 56,62 38,94 4,98
5: - 12,8 10,46  ~ 10,46 40,40 56,70 28,100 -6,90  ~ 12,6 40,8 70,-4
6: ~ 40,0 10,44 6,84 30,100 48,80 34,62 12,76
6: ~ 56,6 26,16 4,60 16,98 50,92 52,62 24,60 8,84
7: ~ -4,14 8,2 30,8 62,2  ~ 62,2 34,44 26,104
7: - 0,14 4,0 58,4 30,60 24,100  ~ 6,56 34,46 62,50
7: - 0,0 54,0 30,104  - 12,58 54,40
8: ~ 56,14 36,0 12,14 22,40 50,66 44,96 14,100 4,78 26,52 54,30 60,8
8: ~ 34,2 16,12 20,36 40,38 46,14 32,2  ~ 28,42 4,66 14,98 44,96 50,66 30,42
9: ~ 52,14 30,0 6,16 8,42 30,48 50,28 54,6  ~ 54,6 54,50 44,100
9: ~ 46,4 16,6 4,30 24,46 48,24 52,4  ~ 52,4 50,60 34,104 2,100 -4,84
9: ~ 58,4 30,2 6,26 22,50 52,30 56,6 46,56 24,104
1: ~ -40,106 -6,86 26,0  - 26,0 24,98  ~ 24,98 32,106 44,104
1: ~ -26,112 2,84 22,46 26,0  - 26,0 22,92
1: - 66,0 0,100
1: ~ -18,58 10,34 34,0  ~ 34,0 30,60 32,100
2: ~ 28,26 50,18 46,2 20,4 12,32 22,74 18,94 0,98 10,86 60,104
2: ~ 56,38 64,10 46,0 20,20 14,46 32,50 50,30 38,66 2,100 12,88 66,102
2: ~ 14,26 8,10 28,0 48,8 50,28 30,62 4,92 -4,84 10,80 34,98 60,92
5: - 6,22 0,54  ~ 0,54 28,44 46,68 26,98 -16,94  - 28,6 78,-6
7: ~ 2,10 12,24 28,22 48,2 58,2 42,36 26,104  - 8,76 50,70
7: ~ 8,0 20,24 44,14 60,-4 66,6 42,40 24,104  - 0,84 58,80
7: ~ 8,14 -2,8 6,0 18,12 38,10 60,2  ~ 60,2 42,40 38,104  - 18,72 66,64
7: - 0,10 56,8  ~ 56,8 42,40 44,102  - 6,54 66,50
7: - 0,2 54,2 52,100  - 6,48 74,44
7: ~ 4,22 18,4 50,2 52,14 32,66 24,102  - 10,66 70,56
9: ~ 24,46 48,34 54,12 34,0 14,14 12,48 18,100
9: ~ 24,46 48,34 54,12 34,0 14,16 14,50 16,92 24,102 34,98
9: ~ 6,46 30,38 52,16 34,0 12,8 10,28 34,42 36,70 28,104
9: ~ 4,48 26,40 46,14 30,0 8,12 12,34 32,44 30,74 26,102
9: ~ 20,38 46,26 54,6 36,0 18,14 24,38 34,62 22,94 2,98
9: - 8,2 10,100  ~ 6,6 38,0 52,18 38,42 8,46
9: ~ -8,24 14,4 46,-2 60,10 38,28 8,24 14,6 58,4  ~ 58,4 44,50 18,102
9: ~ 40,44 14,40 8,14 34,0 52,16 40,42 36,74 40,100
9: ~ 62,30 36,46 6,34 16,10 44,8 52,30 46,60 48,104
1: ~ 52,0 30,40 0,100
1: ~ 8,0 28,30 28,70 2,110
1: ~ -20,110 8,86 20,40 20,0  - 20,0 24,84
1: ~ -10,100 20,40 36,2 42,10 32,60 24,100
2: ~ 34,50 8,46 4,18 30,0 54,18 44,52 6,96  ~ 6,96 26,90 62,98
2: ~ 40,40 14,44 6,20 28,0 50,12 46,46 4,98  ~ 4,98 20,86 40,92 66,100
2: ~ 24,56 2,40 14,8 44,0 58,20 40,62 0,98  ~ 0,98 30,88 70,100
2: ~ 28,36 10,34 8,12 32,0 50,14 40,50 16,92 2,96 4,82 22,84 60,98
4: - 30,0 0,82  ~ 0,82 24,66 56,70  - 48,44 40,108
4: ~ 34,0 12,50 2,90 20,68 40,58 44,72 40,110
4: - 24,0 0,70 62,66  - 44,52 38,104
4: - 20,-10 4,88  ~ 4,88 10,62 34,52 40,64 36,110
4: - 40,0 4,86 60,78  - 52,56 46,112
"""

# Signs that stand beside numbers, in the same notation. `signs.py` draws points and commas.
_SIGNS = """
-: - 0,2 50,0
-: ~ 0,4 20,0 40,6 70,0
=: - 0,0 60,0  - 0,24 60,22
=: - 0,4 70,0  ~ 4,26 30,20 64,26
=: ~ 0,0 40,4 60,0 4,26 66,24
/: - 40,0 0,100
/: ~ 44,0 22,40 0,100
#: - 22,0 8,70  - 48,0 34,70  - 0,24 60,20  - 0,48 56,46
#: - 20,0 14,60  - 40,0 36,64  - 4,18 56,18  - 0,42 54,40
*: - 20,0 20,40  - 0,10 40,30  - 40,10 0,30
*: - 0,0 36,40  - 36,0 0,40
$: ~ 50,14 26,6 6,22 30,46 52,70 28,88 2,78  - 28,-6 26,100
$: ~ 48,12 24,4 6,24 46,62 26,88 0,80  - 24,-8 24,102  - 34,-8 34,102
+: - 24,0 24,50  - 0,24 50,26
%: - 60,0 6,90  ~ 10,2 0,14 10,24 20,12 10,2  ~ 56,64 46,76 56,88 66,76 56,64
(: ~ 22,0 6,24 0,52 8,80 24,100
(: ~ 14,0 2,30 0,66 12,100
): ~ 0,0 16,24 22,52 16,80 0,100
): ~ 0,0 12,32 14,66 2,100
€: ~ 60,14 36,0 12,24 10,72 36,100 62,88  - -4,40 44,38  - -6,58 42,56
€: ~ 56,10 30,4 8,48 30,98 58,90  - -6,38 40,38  - -6,60 38,60
£: ~ 56,20 44,2 22,8 22,40 24,70 8,98  - 4,98 62,94  - 0,52 42,50
£: ~ 54,14 36,0 18,22 26,58 14,90 0,94 8,84 30,98 60,92  - 2,50 44,50
¥: - 0,0 28,44  - 58,0 28,44  - 28,44 28,100  - 6,50 52,50  - 6,68 52,68
¥: - 2,0 30,46  - 60,0 24,104  - 4,54 54,52  - 2,72 52,70
x: - 0,0 44,50  - 44,0 0,50
x: ~ 0,4 24,24 46,50  ~ 48,0 20,26 0,48
"""


def _parse_form(text: str) -> Form:
    """Return the strokes of a form from its notation."""
    strokes = []
    for kind, points in re.findall(r"([~-]) ([-\d, ]+?)(?=  |$)", text):
        numbers = [[float(value) for value in point.split(",")] for point in points.split()]
        strokes.append((kind == "~", np.array(numbers) / 100))
    return tuple(strokes)


def _parse_forms(text: str) -> dict[str, list[Form]]:
    """Return the forms of each character."""
    forms: dict[str, list[Form]] = {}
    for line in text.strip().splitlines():
        forms.setdefault(line[0], []).append(_parse_form(line[3:]))
    return forms


DIGIT_FORMS = {int(digit): forms for digit, forms in _parse_forms(_DIGITS).items()}
SIGN_FORMS = _parse_forms(_SIGNS)


def draw_digit(digit: int, rng: np.random.Generator) -> Float32[np.ndarray, "56 56"]:
    """Return the distance field of one of a digit's forms."""
    forms = DIGIT_FORMS[digit]
    return draw_form(forms[int(rng.integers(len(forms)))], rng)


def draw_sign(sign: str, rng: np.random.Generator) -> Float32[np.ndarray, "56 56"]:
    """Return the distance field of one of the forms of a sign of `SIGN_FORMS`."""
    forms = SIGN_FORMS[sign]
    return draw_form(forms[int(rng.integers(len(forms)))], rng)


def draw_scribble(rng: np.random.Generator) -> Float32[np.ndarray, "56 56"]:
    """Return the distance field of one to four random strokes.

    A single stroke has so many bends that it is no 1 or 7.
    """
    count = int(rng.integers(1, 5))
    low, high = (2, 7) if count > 1 else (6, 10)  # points of a stroke
    points = (rng.random((int(rng.integers(low, high)), 2)) for _ in range(count))
    return draw_form(tuple((bool(rng.random() < 0.7), stroke) for stroke in points), rng)


def draw_form(form: Form, rng: np.random.Generator) -> Float32[np.ndarray, "56 56"]:
    """Return the distance of each pixel of a field from strokes, with all points moved a little.

    The strokes are in the middle of the field and 44 pixels high or wide.
    """
    jitter, rounded = rng.uniform(*POINT_JITTER), rng.random() < ROUNDED_SHARE
    lines = []  # (n, 2) each
    for curved, points in form:
        line = points + rng.normal(0, jitter, points.shape)
        if curved:
            line = smooth_curve(line)
        elif rounded:
            line = _round_corners(line)
        lines.append(line)
    return draw_lines(lines)


def draw_lines(lines: Sequence[Float[np.ndarray, "_ 2"]]) -> Float32[np.ndarray, "56 56"]:
    """Return the distance of each pixel of a field from some lines through points.

    Together they are in the middle of the field and 44 pixels high or wide.
    """
    all_points = np.concatenate(lines)
    low, high = all_points.min(axis=0), all_points.max(axis=0)
    scale = FORM_PX / max(float((high - low).max()), 0.05)
    layer = np.full((LAYER_PX, LAYER_PX), 255, np.uint8)
    for line in lines:
        pixels = (line - (low + high) / 2) * scale + LAYER_PX / 2
        cv2.polylines(layer, [np.rint(pixels).astype(np.int32)], False, 0, 1)
    distances = cv2.distanceTransform(layer, cv2.DIST_L2, 3)  # (112, 112)
    size = (FIELD_PX, FIELD_PX)
    field: np.ndarray = cv2.resize(distances, size, interpolation=cv2.INTER_AREA)
    return field * np.float32(0.5)  # (56, 56), in its own pixels


def _round_corners(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """Return lines with rounded corners (Chaikin 1974, twice)."""
    for _ in range(2):
        near, far = 0.8 * points[:-1] + 0.2 * points[1:], 0.2 * points[:-1] + 0.8 * points[1:]
        cut = np.stack([near, far], axis=1).reshape(-1, 2)  # two points for each segment
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def smooth_curve(points: Float[np.ndarray, "n 2"], steps: int = 8) -> Float[np.ndarray, "m 2"]:
    """Return a curve through all points (Catmull and Rom 1974), `steps` points for each segment."""
    first, last = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    extended = np.concatenate([[first], points, [last]])  # (n+2, 2)
    # the four points around each segment, (n-1, 1, 2) each
    a, b = extended[:-3, None], extended[1:-2, None]
    c, d = extended[2:-1, None], extended[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]  # (1, steps, 1)
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )  # (n-1, steps, 2)
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])
