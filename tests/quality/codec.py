"""Pictures through the codec of a model file and back, in NumPy.

The best that a model can paint is what its codec can hold.
"""

import json
import struct
from pathlib import Path

import numpy as np


class Codec:
    """A PCA patch codec read from `model.safetensors`."""

    def __init__(self, model: Path):
        self.patch_px = json.loads((model / "config.json").read_text())["codec"]["patch_px"]
        tensors = read_safetensors(model / "model.safetensors", ("codec.mean", "codec.components"))
        self.mean = tensors["codec.mean"] * 255
        self.components = tensors["codec.components"]

    def rebuilt(self, pictures: np.ndarray) -> np.ndarray:
        """[n, height, width, 3] RGB, 0 to 255: onto the components and back."""
        n, height, width, _ = pictures.shape
        px = self.patch_px
        patches = pictures.astype(np.float32).reshape(n, height // px, px, width // px, px, 3)
        patches = patches.transpose(0, 1, 3, 2, 4, 5).reshape(-1, px * px * 3) - self.mean
        patches = patches @ self.components.T @ self.components + self.mean
        patches = patches.reshape(n, height // px, width // px, px, px, 3).transpose(0, 1, 3, 2, 4, 5)
        return np.clip(patches.reshape(n, height, width, 3) + 0.5, 0, 255).astype(np.uint8)


def read_safetensors(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Tensors of a safetensors file as float32. The header's length stands in its first 8 bytes."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    kinds = {"F32": np.float32, "F16": np.float16}
    out = {}
    for name in names:
        entry = header[name]
        start, end = entry["data_offsets"]
        raw = data[8 + length + start : 8 + length + end]
        out[name] = np.frombuffer(raw, kinds[entry["dtype"]]).astype(np.float32).reshape(entry["shape"])
    return out
