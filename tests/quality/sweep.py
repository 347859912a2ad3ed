"""Which sampling options suit a model? Stories for a grid of options, a line of numbers each.

Without --product each list is tried alone, with the model's own values for the
rest; the first line has the model's own values for all.
"""

import argparse
import itertools
import json
import os
import subprocess
import tempfile
from pathlib import Path

from grammar import complete_linkages, without_unicorn
from stories import Story, read_prompts, read_story
from text import phrase_faults, sentences, shape_faults
from world import ROOT, Bank, words

OPTIONS = {
    "open-threshold": [0.3, 0.5, 0.7, 0.9],
    "close-threshold": [0.5, 0.7, 0.9, 1.0],
    "temperature": [0.3, 0.5, 0.7, 1.0],
    "top-p": [],
    "min-certainty": [],
    "max-rounds": [],
    "delete-threshold": [],
    "text-guidance": [],
    "steps": [12, 16, 24],
}

COLUMNS = {
    "length": "words, ratio to the true stories",
    "rounds": "completion rounds a story",
    "steps": "steps a story",
    "parse": "sentences with complete linkage (horse for unicorn)",
    "in bank": "sentences that the bank can make",
    "twice": "stories with a duplicated phrase or sentence",
    "broken": "stories with a duplicated or broken phrase",
    "cut": "stories empty or cut",
}


def main():
    args = arguments()
    lines = read_prompts(args.prompts)[: args.count]
    bank = Bank(args.bank)
    for name, meaning in COLUMNS.items():
        print(f"{name:8} {meaning}")
    print(" ".join(f"{name:>8}" for name in COLUMNS), " options", flush=True)
    for point in points(args):
        with tempfile.TemporaryDirectory() as folder:
            told = generated(args, lines, point, Path(folder))
        numbers = measure(told, lines, bank)
        cells = (f"{v:8.2f}" if name in ("length", "rounds", "steps") else f"{100 * v:7.1f}%" for name, v in numbers.items())
        print(" ".join(cells), "", " ".join(f"--{k} {v}" for k, v in point.items()) or "(the model's own)", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="of `oneflow data prompts`")
    parser.add_argument("--count", type=int, default=60, help="prompts to use")
    parser.add_argument("--oneflow", default="oneflow", help="the binary")
    parser.add_argument("--model", type=Path, default=ROOT / "pkg/models/storyworld", help="the model folder")
    parser.add_argument("--bank", type=Path, default=ROOT / "src/data/cards/bank.txt", help="the sentences of the prompts")
    parser.add_argument("--product", action="store_true", help="tries every combination of the lists given")
    for name, values in OPTIONS.items():
        kind = int if name in ("steps", "max-rounds") else float
        parser.add_argument(f"--{name}", type=kind, nargs="*", help=f"default without --product: {values}")
    return parser.parse_args()


def points(args: argparse.Namespace):
    """The combinations of options to try."""
    given = {name: getattr(args, name.replace("-", "_")) for name in OPTIONS}
    given = {name: values for name, values in given.items() if values is not None}
    if args.product:
        yield from (dict(zip(given, values)) for values in itertools.product(*given.values()))
        return
    yield {}
    for name, values in (given or OPTIONS).items():
        yield from ({name: value} for value in values)


def generated(args: argparse.Namespace, lines: list[dict], point: dict, folder: Path) -> list[Story]:
    """The model's stories under these options."""
    prompts = folder / "prompts.jsonl"
    prompts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [args.oneflow, "generate", "--model", str(args.model), "--prompts", str(prompts), "--out", str(folder)]
    command += [word for name, value in point.items() for word in (f"--{name}", str(value))]
    # Beside a training run, the stories wait.
    subprocess.run(command, check=True, preexec_fn=lambda: os.nice(10))
    return [read_story(folder / line["id"]) for line in lines]


def measure(told: list[Story], lines: list[dict], bank: Bank) -> dict[str, float]:
    """The numbers of COLUMNS."""
    parsed_horse = complete_linkages({without_unicorn(s) for story in told for s in sentences(story)})
    parsed = {s: parsed_horse[without_unicorn(s)] for story in told for s in sentences(story)}
    found = [s for story in told for s in sentences(story)]
    phrases = [phrase_faults(story, bank, parsed) for story in told]
    shapes = [shape_faults(story, line["labels"]["n_beats"]) for story, line in zip(told, lines)]
    n_true = sum(len(words(s)) for line in lines for s in line["sentences"])
    n_told = sum(len(words(t)) for story in told for t in story.texts)
    n = len(told)
    return {
        "length": n_told / n_true,
        "rounds": sum(story.stats["rounds"] for story in told) / n,
        "steps": sum(story.stats["steps"] for story in told) / n,
        "parse": sum(parsed[s] for s in found) / max(len(found), 1),
        "in bank": sum(bool(bank.readings(s)) for s in found) / max(len(found), 1),
        "twice": sum(f["duplicated phrase"] or f["duplicated sentence"] for f in phrases) / n,
        "broken": sum(any(f.values()) for f in phrases) / n,
        "cut": sum(any(f.values()) for f in shapes) / n,
    }


if __name__ == "__main__":
    main()
