"""Weights of PyTorch become a model that runs; and a story is the same, whichever of the two networks tells it.

Asks for the `oneflow` binary with the feature `train`, in `target/release` or where `ONEFLOW` says.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file as load_numpy
from safetensors.torch import load_file, save_file

import parity
from documents import CODEC, Source
from model import OneFlow, Preconditioner
from process import Noisy, collate
from toy import MODEL, ROOT, make_run

sys.path.append(str(ROOT / "tests/golden"))
import equations

ONEFLOW = os.environ.get("ONEFLOW", str(ROOT / "target/release/oneflow"))
torch.set_num_threads(1)


def oneflow(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([ONEFLOW, *arguments], capture_output=True, text=True, cwd=ROOT)


class RoundTrip(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.run_folder = make_run(self.root / "run")
        source = Source(self.run_folder)
        torch.manual_seed(1)
        self.model = OneFlow(source.config, torch.from_numpy(source.codec["codec.std"]))
        self.weights = {name: weight.detach() for name, weight in self.model.named_parameters()}
        self.codec = {name: torch.from_numpy(value) for name, value in source.codec.items()}
        # `oneflow train` keeps the codec so; the tests' run has it in a model's file.
        save_file(self.codec, self.run_folder / "codec.safetensors")

    def export(self, tensors: dict) -> subprocess.CompletedProcess:
        save_file(tensors, self.root / "weights.safetensors")
        paths = {"--weights": self.root / "weights.safetensors", "--like": self.run_folder, "--out": self.root / "model"}
        return oneflow("export", *(str(part) for pair in paths.items() for part in pair))

    def test_drawn_weights_are_exported_and_generate(self):
        done = self.export(self.weights | self.codec)
        self.assertEqual(done.returncode, 0, done.stderr)
        exported = load_file(self.root / "model/model.safetensors")
        self.assertEqual(exported.keys(), (self.weights | self.codec).keys())
        for name, value in self.weights.items():
            whole = exported[name].dtype == torch.float32
            self.assertTrue(torch.equal(exported[name], value if whole else value.half()), name)
        story = oneflow("generate", "A shy fox.", "--model", str(self.root / "model"), "--steps", "4", "--json")
        self.assertEqual(story.returncode, 0, story.stderr)
        self.assertGreater(json.loads(story.stdout)["stats"]["steps"], 3)

    def test_drawn_weights_are_exported_in_blocks(self):
        save_file(self.weights, self.root / "weights.safetensors")
        paths = ("--weights", str(self.root / "weights.safetensors"), "--like", str(self.run_folder))
        out = str(self.root / "model")
        more = ("--out", out, "--quantize", "q8", "--documents", "1", "--stories", "1", "--json")
        done = oneflow("export", *paths, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        formats = {tensor["name"]: tensor["format"] for tensor in json.loads(done.stdout)["weights"]["tensors"]}
        # The others are small, and 16 numbers along K are no whole block.
        self.assertEqual(formats["codec.components"], "q8")
        self.assertEqual(formats["blocks.0.mlp.up"], "F16")
        self.assertEqual(json.loads(oneflow("inspect", out, "--json").stdout)["formats"]["q8"]["tensors"], 1)
        self.assertEqual(oneflow("generate", "A shy fox.", "--model", out, "--steps", "4").returncode, 0)
        # Nothing is left beside it.
        self.assertEqual(sorted(p.name for p in self.root.iterdir()), ["model", "run", "weights.safetensors"])

    def test_a_weight_that_does_not_fit_is_named(self):
        wrong = self.weights | {"blocks.1.mlp.up": torch.zeros(3, 3)}
        done = self.export(wrong)
        self.assertEqual(done.returncode, 1)
        self.assertIn("weights.safetensors cannot be used: tensor `blocks.1.mlp.up` has shape [3, 3]", done.stderr)
        self.assertFalse((self.root / "model").exists())


class FewerBits(unittest.TestCase):
    """What `oneflow export --quantize` stores, read by the NumPy reference (`equations.from_blocks`)."""

    def test_numpy_reads_the_numbers_that_the_crate_reads(self):
        for bits, most in (("q8", 1.1), ("q4", 0.6)):
            with tempfile.TemporaryDirectory() as folder:
                small, whole = Path(folder) / "small", Path(folder) / "whole"
                measure = ["--documents", "1", "--stories", "0"]
                source = ["export", "--model", str(MODEL), "--quantize", bits, "--out", str(small), "--json", *measure]
                done = oneflow(*source)
                self.assertEqual(done.returncode, 0, done.stderr)
                report = json.loads(done.stdout)["weights"]
                self.assertLessEqual(report["bytes_per_number"], most)
                self.assertEqual(report["size_bytes"], (small / "model.safetensors").stat().st_size)
                # Back in half precision: the numbers that the crate reads.
                done = oneflow("export", "--model", str(small), "--quantize", "f16", "--out", str(whole), *measure)
                self.assertEqual(done.returncode, 0, done.stderr)
                with safe_open(small / "model.safetensors", "np") as file:
                    blocks = json.loads(file.metadata()["blocks"])
                    stored = {name: file.get_tensor(name) for name in file.keys()}
                read = load_numpy(whole / "model.safetensors")
                before = load_numpy(MODEL / "model.safetensors")
                self.assertGreater(len(blocks), 40)
                errors = {tensor["name"]: tensor["relative_error"] for tensor in report["tensors"]}
                for name, spec in blocks.items():
                    found = equations.from_blocks(spec, stored[name], stored[f"{name}.scales"])
                    self.assertTrue(np.array_equal(found.astype(np.float16), read[name]), name)
                    error = np.linalg.norm(found - before[name]) / np.linalg.norm(before[name].astype(np.float64))
                    self.assertLess(abs(error - errors[name]), 1e-5, name)


class SameStory(unittest.TestCase):
    """The sampler of `tests/golden/equations.py` over the PyTorch network."""

    SEED = 5
    PROMPT = "Tell me a story about a brave panda on the beach at sunset."

    def test_pytorch_tells_the_story_of_the_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            prompts = Path(folder) / "prompts.jsonl"
            prompts.write_text(json.dumps({"id": "0", "prompt": self.PROMPT, "seed": self.SEED}))
            done = oneflow("generate", "--prompts", str(prompts), "--out", folder, "--steps", "12", "--min-certainty", "0")
            self.assertEqual(done.returncode, 0, done.stderr)
            told = json.loads((Path(folder) / "0/story.json").read_text())
            pictures = [np.asarray(Image.open(Path(folder) / f"0/{i}.png"), float) for i in range(told["stats"]["images"])]
        elements, latents = self.story(12)
        source = self.reference.source
        text = source.tokenizer.decode([e for e in elements if e >= 0])
        self.assertGreater(len(text), 20)
        self.assertEqual(text, told["text"])
        in_order = [-1 - e for e in elements if e < 0]
        self.assertEqual(len(in_order), len(pictures))
        self.assertGreater(len(pictures), 0)
        for i, picture in zip(in_order, pictures):
            self.assertLess(np.abs(self.decoded(latents[i]) - picture).mean(), 1)

    def story(self, n_steps: int) -> tuple[list[int], list[np.ndarray]]:
        self.reference = parity.Reference(MODEL)
        source, sampling = self.reference.source, self.reference.source.config["sampling"]
        prompt = [source.empty_prompt[0], *source.tokens(self.PROMPT), source.empty_prompt[1]]
        options = sampling | {"n_steps": n_steps, "latent_len": int(np.prod(source.latent_shape))}
        state = {"elements": [], "latents": [], "image_steps": [], "step": 0}
        rng = equations.Rng(self.SEED)
        text_is_done = False
        while not text_is_done or any(n < n_steps for n in state["image_steps"]):
            answer = self.answer(prompt, state, n_steps)
            is_round = state["step"] >= n_steps
            if text_is_done:
                # Only pictures move now.
                answer["zero_prob"] = np.ones_like(answer["zero_prob"])
            elif is_round:
                text_is_done = not any(answer["zero_prob"] < options["open_threshold"])
            equations.sampler_step(state, answer, options, rng)
        return state["elements"], state["latents"]

    @torch.no_grad()
    def answer(self, prompt: list[int], state: dict, n_steps: int) -> dict:
        source, shape = self.reference.source, self.reference.source.latent_shape
        nought = np.zeros(shape, np.float32)
        images = []
        for y, n in zip(state["latents"], state["image_steps"]):
            images.append((np.reshape(y, shape).astype(np.float32), nought, n / n_steps))
        n_slots = len(state["elements"]) + 1
        batch, _ = collate(
            [Noisy(prompt + state["elements"], len(prompt), [[]] * n_slots, n_slots, images)], source.image_token, shape
        )
        # The latents of the state are at their time already.
        for i, (y, _, _) in enumerate(images):
            batch.latents[0, i] = torch.from_numpy(y)
        batch.asked = torch.arange(n_slots)
        said = self.reference.model(batch)
        velocities = Preconditioner(self.reference.std).velocity(batch.latents, said.images, batch.times)
        return {
            "zero_prob": said.zero_prob().double().numpy(),
            "insertion_rate": said.insertion_rate().double().numpy(),
            "token_logits": said.token_logits.double().numpy(),
            "velocities": [velocities[0, i].double().numpy().ravel() for i in range(len(images))],
        }

    def decoded(self, latents: np.ndarray) -> np.ndarray:
        source, codec = self.reference.source, self.reference.source.codec
        coefs = np.reshape(latents, source.latent_shape) * codec["codec.scale"]
        patches = (coefs @ codec["codec.components"] + codec["codec.mean"]) * 255
        side, px = source.side, source.px
        rgb = patches.reshape(side, side, px, px, 3).swapaxes(1, 2).reshape(side * px, side * px, 3)
        return np.clip(rgb, 0, 255)


if __name__ == "__main__":
    unittest.main()
