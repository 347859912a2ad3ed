"""Writes `parity.json`: what the PyTorch network says and loses on the default model, for `tests/it/reference.rs`
to compare with the crate.

    target/reference/bin/python tests/reference/parity.py            writes the file
    target/reference/bin/python tests/reference/parity.py --check    recomputes and compares with the file

To be run again when the default model is another. A deviation is |found - expected| / max(1, |expected|).
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from documents import CODEC, Source
from model import OneFlow, Preconditioner
from process import Clean, Noisy, collate, losses, noise_at

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "pkg/models/storyworld"
FILE = Path(__file__).with_name("parity.json")

#: Every so manieth value stands in the file; no width of the network is a multiple of them.
STRIDES = {"velocities": 29, "token_logits": 53}

#: A prompt, and a response of texts and of the times of its pictures.
CASES = [
    ("A shy fox looks for her lantern in the forest.", []),
    ("Tell me a story about a brave panda on the beach at sunset.", ["On a golden evening a brave", " the beach."]),
    ("", ["On a rainy day", 0.25, " Luckily a raccoon", 0.0, " The end."]),
    ("A picture of a sleepy owl in the snow.", [0.75, " On a starry night a sleepy owl", 1.0, 0.9375]),
    ("Fuchs 🦊 <|image|> – 狐", [0.5, 0.5, 0.5]),
]

#: What of the same sequences is noised for the losses: every element whose number is no multiple of this.
KEPT = 3


def recipe(n: int, offset: int) -> np.ndarray:
    """Number i is 1.7·(2·((i³ + offset) mod 1013) / 1012 - 1): the same in any language."""
    return np.array([1.7 * (2 * ((i**3 + offset) % 1013) / 1012 - 1) for i in range(n)])


class Reference:
    def __init__(self, folder: Path):
        self.source = Source(folder)
        self.std = torch.from_numpy(self.source.codec["codec.std"])
        self.model = OneFlow(self.source.config, self.std)
        tensors = load_file(folder / "model.safetensors")
        self.model.load_state_dict({name: value.float() for name, value in tensors.items() if name not in CODEC})

    def latents(self, offset: int) -> np.ndarray:
        p, k = self.source.latent_shape
        return (recipe(p * k, offset).reshape(p, k) * self.source.codec["codec.std"]).astype(np.float32)

    def sequence(self, prompt: str, response: list) -> dict:
        begin, prompt_end = self.source.empty_prompt
        elements, images = [begin, *self.source.tokens(prompt), prompt_end], []
        n_prompt = len(elements)
        for part in response:
            if isinstance(part, str):
                elements += self.source.tokens(part)
            else:
                images.append({"t": part, "clean": 100 * len(images), "noise": 100 * len(images) + 50})
                elements.append(-len(images))
        return {"elements": elements, "n_prompt": n_prompt, "images": images}

    @torch.no_grad()
    def predict(self, sequence: dict) -> dict:
        """The heads at every slot, and the velocities of unfinished pictures."""
        images = [(self.latents(i["clean"]), self.latents(i["noise"]), i["t"]) for i in sequence["images"]]
        n_slots = len(sequence["elements"]) - sequence["n_prompt"] + 1
        noisy = Noisy(sequence["elements"], sequence["n_prompt"], [[]] * n_slots, n_slots, images)
        batch, _ = collate([noisy], self.source.image_token, self.source.latent_shape)
        batch.asked = torch.arange(n_slots)
        said = self.model(batch)
        velocities = Preconditioner(self.std).velocity(batch.latents, said.images, batch.times)
        moving = [velocities[0, i].flatten() for i, image in enumerate(images) if image[2] < 1]
        return {
            "zero_prob": said.zero_prob(),
            "insertion_rate": said.insertion_rate(),
            "velocities": torch.cat([v[:: STRIDES["velocities"]] for v in moving]) if moving else torch.zeros(0),
            "token_logits": said.token_logits[:, :: STRIDES["token_logits"]].flatten(),
        }

    @torch.no_grad()
    def losses(self, sequences: list[dict]) -> dict:
        """The terms of the loss of all sequences in one batch, noised by `KEPT`."""
        rows = []
        for sequence in sequences:
            clean = [self.latents(image["clean"]) for image in sequence["images"]]
            keep = [i % KEPT == 0 for i in range(len(sequence["elements"]) - sequence["n_prompt"])]
            document = Clean(sequence["elements"], sequence["n_prompt"], clean, [])
            times = [image["t"] for image in sequence["images"]]
            rows.append(noise_at(document, keep, times, self.source.image_token, Noise(self, sequence)))
        batch, targets = collate(rows, self.source.image_token, self.source.latent_shape)
        return losses(self.model, batch, targets)


class Noise:
    """Stands for the generator: the noise of the pictures that are kept, by the recipe."""

    def __init__(self, reference: Reference, sequence: dict):
        response = sequence["elements"][sequence["n_prompt"] :]
        left = [-1 - element for element in response[::KEPT] if element < 0]
        self.noises = iter([reference.latents(sequence["images"][i]["noise"]) for i in left])

    def standard_normal(self, _shape, dtype) -> np.ndarray:
        return next(self.noises).astype(dtype)


def made() -> dict:
    reference = Reference(MODEL)
    sequences = [reference.sequence(*case) for case in CASES]
    reason = "six blocks in single precision, sums in any order; near t = 1 a velocity is an error over 1 - t"
    return {
        "about": "The default model in PyTorch: heads and velocities of some sequences, every so manieth value (`strides`), "
        "and the losses of all of them in one batch, of which every third element (`kept`) is left. An element is a token, or -1 - i "
        "for picture i. Its latents are t·clean + (1-t)·noise, both σ of the coefficient times number i of the recipe: "
        "1.7·(2·((i³ + offset) mod 1013) / 1012 - 1).",
        "model_sha256": hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest(),
        "tolerance": {"value": 2e-4, "reason": reason},
        "strides": STRIDES,
        "kept": KEPT,
        "sequences": [s | {name: plain(v) for name, v in reference.predict(s).items()} for s in sequences],
        "losses": {name: plain(value) for name, value in reference.losses(sequences).items()},
    }


def plain(values: torch.Tensor) -> list | float:
    return [float(f"{v:.7g}") for v in values.tolist()] if values.ndim else float(f"{values.item():.7g}")


def difference(found, expected, tolerance: float, place: str) -> str | None:
    """Where two files differ by more than the tolerance; None where they do not."""
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        places = [(found[name], expected[name], tolerance, f"{place}.{name}") for name in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        places = [(*pair, tolerance, f"{place}[{i}]") for i, pair in enumerate(zip(found, expected))]
    else:
        is_float = isinstance(found, float) and isinstance(expected, (int, float))
        same = abs(found - expected) <= tolerance * max(1, abs(expected)) if is_float else found == expected
        return None if same else f"{place} is {expected}, recomputed {found}"
    return next(filter(None, (difference(*pair) for pair in places)), None)


def main(arguments: list[str]):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    torch.set_num_threads(1)
    file = made()
    if arguments:
        wrong = difference(file, json.loads(FILE.read_text()), file["tolerance"]["value"], "parity")
        sys.exit(f"{FILE.name} is not what the reference gives: {wrong}" if wrong else 0)
    fields = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in file.items()]
    FILE.write_text("{\n" + ",\n".join(fields).replace('{"elements"', '\n{"elements"') + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
