"""A small run and a few documents, for the tests."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "pkg/models/storyworld"


def make_run(folder: Path) -> Path:
    """A run folder with the default model's tokenizer and codec, and a network of 60,000 weights."""
    folder.mkdir()
    config = json.loads((ROOT / "configs/storyworld-nano.json").read_text())
    config["model"] = json.loads((MODEL / "config.json").read_text())
    config["model"]["network"] |= {"d_model": 16, "n_heads": 2, "n_layers": 2, "d_mlp": 32}
    # Every regime, every step in the log.
    config |= {"batch_size": 4, "log_every": 1, "save_every": 2, "warmup_steps": 2, "pair_share": 0.5}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "model.safetensors"):
        shutil.copy(MODEL / name, folder / name)
    return folder


def make_documents(folder: Path, n: int) -> Path:
    """The same documents as `documents.jsonl` and as two shards in `shards`."""
    folder.mkdir()
    (folder / "shards").mkdir()
    size = json.loads((MODEL / "config.json").read_text())["codec"]["image_px"]
    with (folder / "documents.jsonl").open("w") as lines:
        for i in range(n):
            rng = np.random.default_rng(i)
            parts, pngs = [], []
            for j in range(i % 3):
                colours = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
                png = io.BytesIO()
                Image.fromarray(colours).resize((size, size), Image.Resampling.BILINEAR).save(png, "PNG")
                pngs.append(png.getvalue())
                parts += [{"type": "text", "text": f" Picture {j} of {i}."}, {"type": "image", "file": f"{j}.png"}]
            parts.append({"type": "text", "text": f" Story {i} ends."})
            record = {"id": str(i), "prompt": f"Story {i}.", "parts": parts}
            if i % 2:
                record["asked"] = [len(parts) - 1, len(parts)]
            mode = "w" if i in (0, n // 2) else "a"
            with tarfile.open(folder / f"shards/shard-{int(i >= n // 2)}.tar", mode) as archive:
                add(archive, f"{i:04}.json", json.dumps(record).encode())
                for j, png in enumerate(pngs):
                    add(archive, f"{i:04}.{j}.png", png)
            (folder / str(i)).mkdir()
            for j, png in enumerate(pngs):
                (folder / f"{i}/{j}.png").write_bytes(png)
            named = [part | {"file": f"{i}/{part['file']}"} if "file" in part else part for part in parts]
            print(json.dumps(record | {"parts": named}), file=lines)
    return folder


def add(archive: tarfile.TarFile, name: str, data: bytes):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))
