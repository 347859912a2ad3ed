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
    """Tensors of a safetensors file as float32. The header's length stands in its first 8 bytes; its metadata says
    which tensors are blocks of whole numbers, each with a scale."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    kinds = {"F32": np.float32, "F16": np.float16, "U32": np.uint32}
    blocks = json.loads(header.get("__metadata__", {}).get("blocks", "{}"))

    def stored(name: str) -> np.ndarray:
        entry = header[name]
        start, end = entry["data_offsets"]
        raw = data[8 + length + start : 8 + length + end]
        return np.frombuffer(raw, kinds[entry["dtype"]]).reshape(entry["shape"])

    def tensor(name: str) -> np.ndarray:
        if name not in blocks:
            return stored(name).astype(np.float32)
        bits = {"q8": 8, "q4": 4}[blocks[name]["format"]]
        numbers = stored(name)[..., None] >> np.arange(0, 32, bits, dtype=np.uint32) & np.uint32(2**bits - 1)
        numbers = numbers.astype(np.int32).reshape(len(numbers), -1)
        numbers[numbers >= 2 ** (bits - 1)] -= 2**bits
        scales = stored(f"{name}.scales").astype(np.float32)
        lines = numbers * scales.repeat(blocks[name]["block"], axis=1)
        return lines.T if blocks[name]["axis"] == 0 else lines

    return {name: tensor(name) for name in names}
