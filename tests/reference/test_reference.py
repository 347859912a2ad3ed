"""The reference holds: against the golden files, against its own vector file, and alone against two processes.

    cd tests/reference && ../../target/reference/bin/python -m unittest
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

import parity
from model import OneFlow, Output, Preconditioner
from process import Clean, Noisy, Targets, collate, image_loss, noise_at, text_losses
from toy import ROOT, make_documents, make_run

sys.path.append(str(ROOT / "tests/golden"))
import equations

torch.set_num_threads(1)


def golden(name: str) -> dict:
    return json.loads((ROOT / f"tests/golden/{name}.json").read_text())


class Golden(unittest.TestCase):
    def close(self, found, expected, tolerance, message=None):
        """|found - expected| / max(1, |expected|) is within the tolerance."""
        found = np.asarray(found, np.float64).ravel()
        expected = np.ravel(expected)
        self.assertEqual(found.shape, expected.shape, message)
        worst = np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected)), initial=0)
        self.assertLessEqual(worst, tolerance, message)

    def test_noising(self):
        for case in golden("noising")["fixed"]:
            n_images = sum(element < 0 for element in case["clean"])
            latents = [np.full((1, 1), float(i), np.float32) for i in range(n_images)]
            clean = Clean(case["clean"], case["n_prompt"], latents, [])
            noisy = noise_at(clean, case["keep"], case["image_times"], equations.IMAGE, np.random.default_rng(0))
            self.assertEqual(noisy.elements, case["elements"])
            self.assertEqual([len(bag) for bag in noisy.bags], case["bag_sizes"])
            self.assertEqual(noisy.bags, case["bags"])
            self.assertEqual([int(y1.item()) for y1, _, _ in noisy.images], case["sources"])
            self.close([t for _, _, t in noisy.images], case["times"], 0)

    def test_text_losses(self):
        for case in golden("losses")["text"]:
            bags, weight = case["bags"], 1 / case["normaliser"]
            with_bag = [i for i, bag in enumerate(bags) if bag]
            pairs = [(row, token) for row, i in enumerate(with_bag) for token in bags[i]]
            targets = Targets(
                counts=torch.tensor([float(len(bag)) for bag in bags]),
                weights=torch.full((len(bags),), weight),
                pair_rows=torch.tensor([row for row, _ in pairs], dtype=torch.int64),
                pair_tokens=torch.tensor([token for _, token in pairs], dtype=torch.int64),
                pair_weights=torch.full((len(pairs),), weight),
                latents=torch.zeros(0),
                is_noised=torch.zeros(0),
            )
            gate = torch.tensor([case["gate_logit"], case["rate_raw"]]).T
            logits = torch.tensor(case["token_logits"])
            said = Output(gate, logits, torch.zeros(0))
            self.close(said.zero_prob(), case["zero_prob"], 2e-6)
            self.close(said.insertion_rate(), case["insertion_rate"], 2e-6)
            for name, found in text_losses(gate, logits[with_bag], targets).items():
                self.close(found, weight * case[name], 2e-6, name)

    def test_image_loss(self):
        (case,) = golden("losses")["image"]
        pictures = case["pictures"]
        std = torch.tensor(case["std"])

        def stacked(name):
            return torch.tensor([np.reshape(picture[name], (4, 3)).tolist() for picture in pictures])[None]

        times = torch.tensor([[picture["t"] for picture in pictures]])
        is_noised = times < 1
        nothing = torch.zeros(0)
        targets = Targets(nothing, nothing, nothing, nothing, nothing, stacked("data"), is_noised)
        loss = image_loss(stacked("output"), times, std, targets, is_noised.sum())
        self.close(loss, case["image"], 2e-6)
        scale = Preconditioner(std)
        self.close(scale.input(stacked("latents"), times), stacked("scaled"), 2e-6)
        velocities = scale.velocity(stacked("latents"), stacked("output"), times)
        for i, picture in enumerate(pictures):
            if picture["t"] < 1:
                self.close(velocities[0, i], np.ravel(picture["predicted"]), 5e-6)

    def test_forward_alone_and_in_a_batch(self):
        file = golden("forward")
        std = torch.tensor(file["std"])
        model = OneFlow(file["config"], std)
        weights = {t["name"]: torch.tensor(equations.weight(t), dtype=torch.float32) for t in file["tensors"]}
        model.load_state_dict(weights)
        tolerance = file["tolerances"][0]["value"]
        shape = (model.side**2, file["config"]["codec"]["n_coefs"])
        rows = []
        for case in file["sequences"]:
            n_slots = len(case["elements"]) - case["n_prompt"] + 1
            # At its time, a picture is its latents alone: t·(y / t) + (1-t)·0.
            images = [
                (np.reshape(i["latents"], shape).astype(np.float32) / i["t"], np.zeros(shape, np.float32), i["t"])
                for i in case["images"]
            ]
            rows.append(Noisy(case["elements"], case["n_prompt"], [[]] * n_slots, n_slots, images))
        flat = lambda nested: [x for part in nested for x in np.ravel(part)]
        for batch_rows, cases in [([row], [case]) for row, case in zip(rows, file["sequences"])] + [(rows, file["sequences"])]:
            batch, _ = collate(batch_rows, equations.IMAGE, shape)
            batch.asked = torch.arange(len(batch.slots))
            with torch.no_grad():
                said = model(batch)
            self.close(said.gate, [x for case in cases for x in flat(case["gate"])], tolerance)
            self.close(said.token_logits, [x for case in cases for x in flat(case["token_logits"])], tolerance)
            for i, case in enumerate(cases):
                outputs = said.images[i, : len(case["images"])]
                self.close(outputs, np.array(flat(case["outputs"])), tolerance)


class Vectors(unittest.TestCase):
    def test_the_vector_file_is_what_the_reference_gives(self):
        self.assertIsNone(parity.difference(parity.made(), json.loads(parity.FILE.read_text()), 2e-4, "parity"))

    def test_a_changed_number_is_found(self):
        file = json.loads(parity.FILE.read_text())
        changed = json.loads(parity.FILE.read_text())
        changed["sequences"][2]["velocities"][5] += 0.01
        self.assertIn("sequences[2].velocities[5]", parity.difference(changed, file, 2e-4, "parity"))


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        cls.run_folder = make_run(cls.root / "run")
        cls.documents = make_documents(cls.root / "documents", 7)
        cls.alone = cls.train("alone", "documents.jsonl", steps=4)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def train(cls, out: str, documents: str, steps: int, processes: int = 1, *more: str) -> list[dict]:
        """The log of a run."""
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        script = str(ROOT / "tests/reference/train.py")
        options = ["--like", str(cls.run_folder), "--documents", str(cls.documents / documents)]
        options += ["--out", str(cls.root / out), "--steps", str(steps), *more]
        command = [sys.executable, "-W", "ignore", *(launch if processes > 1 else []), script, *options]
        done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr[-3000:])
        return [json.loads(line) for line in (cls.root / out / "log.jsonl").read_text().splitlines()]

    def same(self, found: list[dict], expected: list[dict], tolerance: float):
        self.assertEqual(len(found), len(expected))
        for a, b in zip(found, expected):
            for name in ("step", "tokens", "gate", "poisson", "image", "grad_norm", "learning_rate"):
                self.assertLessEqual(abs(a[name] - b[name]), tolerance * max(1, abs(b[name])), f"{name} of step {b['step']}")

    def test_two_processes_with_half_of_the_documents_each_have_the_losses_of_one(self):
        # Sums in another order, and one file of documents against shards.
        self.same(self.train("two", "shards", 4, 2), self.alone, 1e-4)

    def test_a_resumed_run_has_the_losses_of_an_uninterrupted_one(self):
        self.train("parts", "documents.jsonl", 2)
        self.same(self.train("parts", "documents.jsonl", 4, 1, "--resume"), self.alone, 1e-6)

    def test_it_learns(self):
        log = self.train("long", "documents.jsonl", 60, 1, "--learning-rate", "0.01")
        early, late = ([sum(line[k] for k in ("tokens", "gate", "image")) for line in part] for part in (log[:5], log[-10:]))
        self.assertLess(np.mean(late), 0.6 * np.mean(early))


if __name__ == "__main__":
    unittest.main()
