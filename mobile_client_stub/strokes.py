"""A signature as a finger draws it, for tests and demonstrations: wavy lines, the same for the same name."""

import hashlib
import json
import math
from itertools import pairwise

WIDTH, HEIGHT = 600, 200
MILLISECONDS_PER_POINT = 16


def strokes_of(name: str) -> bytes:
    """A stroke file `{"width", "height", "strokes": [[[x, y, milliseconds], …], …]}` as JSON."""
    waves = hashlib.sha256(name.encode()).digest()
    words = max(1, len(name.split()))
    edges = [round(20 + step * (WIDTH - 40) / words) for step in range(words + 1)]
    moment = 0
    strokes = []
    for number, (left, right) in enumerate(pairwise(edges)):
        stroke = []
        for x in range(left, right - 10, 4):
            height = 30 + waves[number % len(waves)] % 50
            y = HEIGHT / 2 + height * math.sin((x - left) / (6 + waves[-number - 1] % 10))
            stroke.append([x, round(y, 1), moment])
            moment += MILLISECONDS_PER_POINT
        strokes.append(stroke)
    return json.dumps({"width": WIDTH, "height": HEIGHT, "strokes": strokes}).encode()
