"""Trains OneFlow with PyTorch on one processor or on many, weights and optimiser sharded over them (FSDP2).

    torchrun --standalone --nproc-per-node 8 tests/reference/train.py \\
        --like runs/mine --documents shards --out runs/mine-torch

README.md beside this file is the guide.
"""

import argparse
import json
import math
import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from documents import CODEC, Documents, Source
from model import OneFlow
from process import collate, losses, noisy, total


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--like", type=Path, required=True, help="a run of `oneflow train`: configuration, tokenizer, codec")
    parser.add_argument("--documents", type=Path, required=True, help="a .jsonl file, a .tar file or a folder of them")
    parser.add_argument("--out", type=Path, required=True, help="keeps log, checkpoint and weights")
    parser.add_argument("--start", type=Path, help="a safetensors file whose weights to start from, not drawn ones")
    parser.add_argument("--steps", type=int, help="instead of the configuration's `n_steps`")
    parser.add_argument("--batch", type=int, help="documents of a step, of all processes together")
    parser.add_argument("--learning-rate", type=float, help="for AdamW; a configuration for Muon has twice as much")
    parser.add_argument("--bf16", action="store_true", help="computes in bfloat16; sums and optimiser stay in float32")
    parser.add_argument("--resume", action="store_true", help="goes on from the checkpoint in --out")
    return parser.parse_args()


def main():
    args = arguments()
    source, documents = Source(args.like), Documents(args.documents)
    config = source.run or exit(f"{args.like}/config.json is of a model, expected the folder of a run")
    config["n_steps"] = args.steps or config["n_steps"]
    config["batch_size"] = args.batch or config["batch_size"]
    default_rate = config["learning_rate"] * (0.5 if config["optimizer"] == "muon" else 1)
    config["learning_rate"] = args.learning_rate or default_rate
    with processes() as (device, rank, world):
        Trainer(config, source, documents, args, device, rank, world).run()


@contextmanager
def processes():
    """The group that torchrun started, or this process alone."""
    if "RANK" not in os.environ:
        os.environ |= {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    is_cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if is_cuda else torch.device("cpu")
    if is_cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("cuda:nccl,cpu:gloo" if is_cuda else "gloo")
    try:
        yield device, dist.get_rank(), dist.get_world_size()
    finally:
        dist.destroy_process_group()


class Trainer:
    def __init__(self, config, source: Source, documents: Documents, args, device, rank: int, world: int):
        if config["batch_size"] % world:
            exit(f"--batch is {config['batch_size']}, expected a multiple of the {world} processes")
        self.config, self.source, self.documents = config, source, documents
        self.out, self.device, self.rank, self.world = args.out, device, rank, world
        self.step = 0
        torch.manual_seed(config["seed"])
        self.model = OneFlow(source.config, torch.from_numpy(source.codec["codec.std"]))
        if args.start:
            weights = {name: value.float() for name, value in load_file(args.start).items() if name not in CODEC}
            self.model.load_state_dict(weights)
        self.model.to(device)
        mesh = init_device_mesh(device.type, (world,))
        policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if args.bf16 else MixedPrecisionPolicy()
        for block in self.model.blocks:
            fully_shard(block, mesh=mesh, mp_policy=policy)
        fully_shard(self.model, mesh=mesh, mp_policy=policy)
        #: Exponential moving average of the weights, in the same shards.
        self.average = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), config["learning_rate"], (0.9, 0.98), weight_decay=config["weight_decay"]
        )
        if args.resume:
            self.load()

    def run(self):
        config, start = self.config, time.monotonic()
        self.out.mkdir(parents=True, exist_ok=True)
        log = (self.out / "log.jsonl").open("a") if self.rank == 0 else None
        while self.step < config["n_steps"]:
            line = self.train_step() | {"seconds": round(time.monotonic() - start, 1)}
            if log and (self.step % config["log_every"] == 0 or self.step == config["n_steps"]):
                print(json.dumps(line), file=log, flush=True)
                print(" ".join(f"{k} {v:.4g}" for k, v in line.items()), flush=True)
            if self.step % config["save_every"] == 0 or self.step == config["n_steps"]:
                self.save()

    def train_step(self) -> dict:
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = rate(config, self.step)
        batch, targets = (part.to(self.device) for part in self.batch())
        # Text weighs by document, of which all processes have as many; pictures weigh alike over all of them.
        n_noised = targets.is_noised.sum().float()
        dist.all_reduce(n_noised)
        terms = losses(self.model, batch, targets, n_noised.clamp(min=1) / self.world)
        total(terms, config["image_weight"]).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), config["clip_norm"])
        means = torch.stack([term.detach() for term in terms.values()])
        dist.all_reduce(means)
        if not torch.isfinite(means).all():
            raise FloatingPointError(f"the loss is {(means / self.world).tolist()} at step {self.step + 1}")
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        decay = min(config["ema_decay"], (1 + self.step) / (10 + self.step))
        for name, weight in self.model.named_parameters():
            local(self.average[name]).lerp_(local(weight.detach()), 1 - decay)
        report = dict(zip(terms, (means / self.world).tolist()))
        return {"step": self.step, **report, "grad_norm": float(norm.full_tensor()), "learning_rate": rate(config, self.step - 1)}

    def batch(self):
        """This process's part of the step: a function of seed, step and rank."""
        n = self.config["batch_size"]
        rows = []
        for i in range(self.step * n + self.rank, (self.step + 1) * n, self.world):
            rng = np.random.default_rng([self.config["seed"], i])
            times_through, place = divmod(i, len(self.documents))
            order = shuffled(len(self.documents), self.config["seed"], times_through)
            clean = self.source.clean(*self.documents[order[place]], self.config["max_rows"])
            rows.append(noisy(clean, self.config, self.source.empty_prompt, self.source.image_token, rng))
        return collate(rows, self.source.image_token, self.source.latent_shape)

    def state(self) -> dict:
        model, optimizer = get_state_dict(self.model, self.optimizer)
        return {"model": model, "optimizer": optimizer, "average": self.average, "step": torch.tensor(self.step)}

    def save(self):
        """The checkpoint, each process its shards; and the averaged weights as one file for `oneflow export`."""
        place, part = self.out / "checkpoint", self.out / "checkpoint.part"
        dcp.save(self.state(), checkpoint_id=part)
        # One tensor at a time is whole on the device, and all of them in the memory of one process.
        weights = {}
        for name, value in self.average.items():
            whole = value.full_tensor()
            if self.rank == 0:
                weights[name] = whole.cpu()
        if self.rank == 0:
            weights |= {name: torch.from_numpy(value) for name, value in self.source.codec.items()}
            save_file(weights, self.out / "weights.part")
            (self.out / "weights.part").replace(self.out / "weights.safetensors")
            old = self.out / "checkpoint.old"
            remove(old)
            if place.exists():
                place.replace(old)
            part.replace(place)
            remove(old)
        dist.barrier()

    def load(self):
        state = self.state()
        dcp.load(state, checkpoint_id=self.out / "checkpoint")
        set_state_dict(
            self.model, self.optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"]
        )
        self.step = int(state["step"])


def local(tensor):
    """The shard of a tensor that this process holds."""
    return tensor.to_local()


def rate(config: dict, step: int) -> float:
    """Linear warm-up, then a cosine down to `final_rate` of the peak."""
    peak, warmup = config["learning_rate"], config["warmup_steps"]
    if step < warmup:
        return peak * (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, config["n_steps"] - warmup))
    return peak * (config["final_rate"] + (1 - config["final_rate"]) * (0.5 + 0.5 * math.cos(math.pi * done)))


_order = {}


def shuffled(n: int, seed: int, times_through: int) -> np.ndarray:
    """The order of one time through the documents."""
    if times_through not in _order:
        _order.clear()
        _order[times_through] = np.random.default_rng([seed, 1 << 40, times_through]).permutation(n)
    return _order[times_through]


def remove(folder: Path):
    if folder.exists():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


if __name__ == "__main__":
    main()
