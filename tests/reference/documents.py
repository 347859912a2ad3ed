"""Documents as `oneflow data export` writes them (`src/data/files/mod.rs`), and the tokenizer and codec that turn
them into sequences."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from process import Clean

BEGIN, PROMPT_END, IMAGE = "<|begin|>", "<|prompt-end|>", "<|image|>"
CODEC = ("codec.mean", "codec.components", "codec.scale", "codec.std")


class Documents:
    """The records of a `.jsonl` file, a `.tar` file or a folder of `.tar` files. Only places are kept in memory."""

    def __init__(self, path: Path):
        self.path = path
        if path.suffix == ".jsonl":
            with path.open("rb") as file:
                lines = iter(file.readline, b"")
                ends = np.cumsum([0, *(len(line) for line in lines)])
            self.places = [(path, int(a), int(z - a)) for a, z in zip(ends, ends[1:]) if z - a > 1]
            self.pictures = None
            return
        shards = sorted(path.glob("*.tar")) if path.is_dir() else [path]
        self.places, self.pictures = [], {}
        for shard in shards:
            with tarfile.open(shard) as archive:
                for member in archive:
                    place = (shard, member.offset_data, member.size)
                    if member.name.endswith(".json"):
                        self.places.append(place)
                    self.pictures[shard, member.name] = place
        if not self.places:
            raise ValueError(f"{path} holds no documents; expected a .jsonl file, a .tar file or a folder of .tar files")
        self.keys = {place: name.removesuffix("json") for (_, name), place in self.pictures.items()}

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[dict, list[np.ndarray]]:
        """A record and the pixels of its pictures `[height, width, 3]`."""
        place = self.places[index]
        record = json.loads(read(place))
        files = [part["file"] for part in record["parts"] if part["type"] == "image"]
        if self.pictures is None:
            pngs = [(self.path.parent / file).read_bytes() for file in files]
        else:
            pngs = [read(self.pictures[place[0], self.keys[place] + file]) for file in files]
        return record, [np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in pngs]


def read(place: tuple[Path, int, int]) -> bytes:
    path, start, size = place
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


class Source:
    """Makes clean sequences of documents. `folder` is a run's or a model's: it has `config.json`, `tokenizer.json`,
    and the codec's tensors in `codec.safetensors` or `model.safetensors`."""

    def __init__(self, folder: Path):
        config = json.loads((folder / "config.json").read_text())
        #: The configuration of the run; of a model there is none.
        self.run = config if "model" in config else None
        self.config = config.get("model", config)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # A special token's name in a text is text.
        self.tokenizer.encode_special_tokens = True
        self.image_token = self.tokenizer.token_to_id(IMAGE)
        self.empty_prompt = [self.tokenizer.token_to_id(BEGIN), self.tokenizer.token_to_id(PROMPT_END)]
        files = [folder / name for name in ("codec.safetensors", "model.safetensors")]
        tensors = load_file(next(file for file in files if file.exists()))
        self.codec = {name: tensors[name].astype(np.float32) for name in CODEC}
        codec = self.config["codec"]
        self.px, self.side = codec["patch_px"], codec["image_px"] // codec["patch_px"]
        self.latent_shape = (self.side**2, codec["n_coefs"])

    def tokens(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def latents(self, rgb: np.ndarray) -> np.ndarray:
        """Coefficients of each patch `[p, k]`."""
        size, px = self.config["codec"]["image_px"], self.px
        if rgb.shape != (size, size, 3):
            raise ValueError(f"a picture has {rgb.shape[1]} × {rgb.shape[0]} pixels, expected {size} × {size}")
        patches = rgb.reshape(self.side, px, self.side, px, 3).swapaxes(1, 2).reshape(self.side**2, -1)
        centred = patches.astype(np.float32) / 255 - self.codec["codec.mean"]
        return centred @ self.codec["codec.components"].T / self.codec["codec.scale"]

    def clean(self, record: dict, pictures: list[np.ndarray], max_rows: int) -> Clean:
        """The sequence of a document, which has `max_rows` rows at the most: elements, and patches of pictures."""
        begin, prompt_end = self.empty_prompt
        elements = [begin, *self.tokens(record.get("prompt", "")), prompt_end]
        n_prompt = len(elements)
        start, end = record.get("asked", (0, len(record["parts"])))
        latents, given = [], []
        for i, part in enumerate(record["parts"]):
            if part["type"] == "text":
                new = self.tokens(part["text"])
            else:
                new = [-1 - len(latents)]
                latents.append(self.latents(pictures[len(latents)]))
            elements += new
            given += [not start <= i < end] * len(new)
        n_rows = len(elements) + len(latents) * self.latent_shape[0]
        if n_rows > max_rows:
            name = record.get("id", "without id")
            raise ValueError(f"document {name} has {n_rows} rows, expected at most {max_rows}; raise `max_rows`")
        return Clean(elements, n_prompt, latents, given)
