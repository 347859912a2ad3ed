"""What a picture shows, by judges that know nothing of the painter's code.

The main character is found by OpenCV's template matching with the sprites of
assets/atlas.png, and by a linear probe for comparison; place and sky by linear
probes. The probes are ridge regressions on small pixels, fitted on true
pictures of the training stream, some of them blurred and noisy so that they do
not depend on a sharpness that no model has.
"""

import json
from dataclasses import dataclass

import cv2
import numpy as np

from world import CHARACTERS, PLACES, ROOT, SKIES

cv2.setNumThreads(1)

CLASSES = {"place": list(PLACES), "sky": list(SKIES), "character": list(CHARACTERS)}

#: Where a main character stands (src/data/cards/painter.rs): longer side of the sprite, its middle, pixels.
STANDS = ((34, 32), (29, 17))
#: Where feet stand, on the ground and in the boat, pixels from the top.
FEET = (58, 55)
#: How far a character may be from its stand, pixels.
REACH = 3
#: Rows of a sprite, rim included, that the boat can hide.
HIDDEN = 5


def spoiled(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The pictures, [n, height, width, 3], as a middling model might paint them: soft, noisy, off in colour."""
    out = []
    for picture in pictures.astype(np.float32):
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5))
        picture = picture + rng.uniform(0, 16) * rng.standard_normal(picture.shape, np.float32)
        # Noise of a patch, as of a latent that is off.
        coarse = rng.normal(0, rng.uniform(0, 12), (8, 8, 3)).astype(np.float32)
        picture = picture + cv2.resize(coarse, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        out.append(np.clip(picture + rng.normal(0, 4, 3), 0, 255))
    return np.stack(out)


@dataclass
class Probe:
    """A linear classifier: scores are `features @ weights`."""

    label: str
    side: int
    weights: np.ndarray

    @classmethod
    def fit(cls, label: str, side: int, pictures: np.ndarray, names: list[str], ridge: float = 3.0) -> "Probe":
        """One-against-all ridge regression on `side` × `side` pixels."""
        x = features(pictures, side)
        y = np.array([[name == c for c in CLASSES[label]] for name in names], np.float32)
        gram = x.T @ x
        gram[np.diag_indices_from(gram)] += ridge
        return cls(label, side, np.linalg.solve(gram, x.T @ y))

    def name(self, pictures: np.ndarray) -> list[str]:
        """The most likely class of each picture."""
        scores = features(pictures, self.side) @ self.weights
        return [CLASSES[self.label][i] for i in scores.argmax(1)]


def features(pictures: np.ndarray, side: int) -> np.ndarray:
    """[n, side·side·3 + 1]: pixels about 0, and 1."""
    small = [cv2.resize(p.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) for p in pictures]
    flat = np.stack(small).reshape(len(small), -1) / 255 - 0.5
    return np.concatenate([flat, np.ones((len(flat), 1), np.float32)], 1)


class Matcher:
    """Names the main character by its sprite."""

    def __init__(self):
        self.templates = {name: [sprite(name, size) for size, _ in STANDS] for name in CHARACTERS}

    def name(self, pictures: np.ndarray) -> list[str]:
        """The character whose sprite differs least from the picture."""
        return [min(self.distances(p).items(), key=lambda item: item[1])[0] for p in pictures]

    def distances(self, picture: np.ndarray) -> dict[str, float]:
        """For each character, the least mean squared difference under its mask."""
        picture = picture.astype(np.float32)
        out = {}
        for name, templates in self.templates.items():
            best = np.inf
            for (_, middle), (template, mask) in zip(STANDS, templates):
                height, width = mask.shape
                left, right = middle - width // 2 - REACH, middle + (width + 1) // 2 + REACH
                top, bottom = min(FEET) - height - REACH, max(FEET) + REACH
                window = np.ascontiguousarray(picture[max(top, 0) : bottom, max(left, 0) : right])
                found = cv2.matchTemplate(window, template, cv2.TM_SQDIFF, mask=mask)
                best = min(best, float(found.min()) / float((mask**2).sum() * 3))
            out[name] = best
        return out


def sprite(name: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The drawing with its longer side `size` pixels, and a white rim of a pixel.

    Colours [h, w, 3] and mask [h, w] in [0, 1]; the mask leaves out the feet,
    which the boat hides.
    """
    drawing = cell(name)
    scale = size / max(drawing.shape[:2])
    shape = (round(drawing.shape[1] * scale), round(drawing.shape[0] * scale))
    alpha = drawing[..., 3] / 255
    colours = cv2.resize(drawing[..., :3] * alpha[..., None], shape, interpolation=cv2.INTER_AREA)
    colours = np.pad(colours, ((1, 1), (1, 1), (0, 0)))
    alpha = np.pad(cv2.resize(alpha, shape, interpolation=cv2.INTER_AREA), 1)
    mask = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    colours = (colours + 255 * (mask - alpha)[..., None]) / np.maximum(mask, 1e-3)[..., None]
    mask[-HIDDEN:] = 0
    return colours, mask


def cell(name: str) -> np.ndarray:
    """The drawing in the atlas, [h, w, 4] RGBA, 0 to 255, cut to its box."""
    index = json.loads((ROOT / "assets/atlas.json").read_text())
    sheet = cv2.imread(str(ROOT / "assets/atlas.png"), cv2.IMREAD_UNCHANGED)
    sheet = cv2.cvtColor(sheet, cv2.COLOR_BGRA2RGBA).astype(np.float32)
    number = [s["name"] for s in index["sprites"]].index(name)
    row, column = divmod(number, index["columns"])
    left, top, right, bottom = index["sprites"][number]["bounds"]
    y, x = row * index["cell"], column * index["cell"]
    return sheet[y + top : y + bottom, x + left : x + right]
