"""How good are the stories and pictures of a model? See README.md beside this file."""

import argparse
import json
import os
import random
from pathlib import Path

# The machine is often busy with training; one core is enough here.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import text
from codec import Codec
from grammar import complete_linkages, without_unicorn
from pictures import CLASSES, Matcher, Probe, spoiled
from stories import Sample, Story, read_picture, read_prompts, read_samples
from world import ROOT, Bank, words

#: Shuffles over which the floor is averaged.
N_SHUFFLES = 50


def main():
    args = arguments()
    samples = read_samples(args.prompts, args.generated, args.true_pictures)
    report = {"n_stories": len(samples), "n_pictures": sum(len(s.told.pictures) for s in samples)}
    report["text"], faults = measure_text(samples, args)
    if args.train_prompts:
        report["pictures"], seen = measure_pictures(samples, args)
        faults = [fault | {"pictures": see} for fault, see in zip(faults, seen)]
    print_report(report)
    if args.json:
        args.json.write_text(json.dumps(report | {"stories": faults}, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="of `oneflow data prompts`")
    parser.add_argument("--true-pictures", type=Path, required=True, help="its --pictures folder")
    parser.add_argument("--generated", type=Path, required=True, help="of `oneflow generate --prompts`")
    parser.add_argument("--model", type=Path, help="the model folder: measures tokens and the codec too")
    parser.add_argument("--train-prompts", type=Path, help="prompts of the training stream; without it, text only")
    parser.add_argument("--train-pictures", type=Path, help="their pictures, which fit the probes")
    parser.add_argument("--bank", type=Path, default=ROOT / "src/data/cards/bank.txt", help="the sentences of the prompts")
    parser.add_argument("--json", type=Path, help="writes all numbers, and what was found in each story")
    args = parser.parse_args()
    if bool(args.train_prompts) != bool(args.train_pictures):
        parser.error("--train-prompts and --train-pictures go together")
    return args


# Text.


def measure_text(samples: list[Sample], args: argparse.Namespace) -> tuple[dict, list[dict]]:
    """The numbers of the model's stories and of the true ones, and what is wrong with each story."""
    bank = Bank(args.bank)
    sides = {"model": [s.told for s in samples], "true": [s.true for s in samples]}
    mixed = [shuffled_words(s) for story in sides["true"] for s in text.sentences(story)]
    asked = {s for stories in sides.values() for story in stories for s in text.sentences(story)} | set(mixed)
    parsed = complete_linkages(asked | {without_unicorn(s) for s in asked})
    parsed_horse = {s: parsed[without_unicorn(s)] for s in asked}
    count_tokens = token_counter(args.model)

    report, faults = {}, []
    for side, stories in sides.items():
        all_sentences = [s for story in stories for s in text.sentences(story)]
        shapes = [text.shape_faults(story, s.labels["n_beats"]) for story, s in zip(stories, samples)]
        phrases = [text.phrase_faults(story, bank, parsed_horse) for story in stories]
        numbers = {
            "sentences with complete linkage": mean(parsed[s] for s in all_sentences),
            '  with "horse" for "unicorn"': mean(parsed_horse[s] for s in all_sentences),
            "sentences that the bank can make": mean(bool(bank.readings(s)) for s in all_sentences),
            "stories that the bank can tell": mean(bank.tells(text.sentences(story)) for story in stories),
            "stories empty or cut (any of these)": mean(any(f.values()) for f in shapes),
        }
        numbers |= {f"  {key}": mean(f[key] for f in shapes) for key in shapes[0]}
        numbers["sentences with a duplicated phrase"] = mean(text.repeats(words(s.lower())) for s in all_sentences)
        numbers["stories with a duplicated or broken phrase"] = mean(any(f.values()) for f in phrases)
        numbers |= {f"  {key}": mean(f[key] for f in phrases) for key in phrases[0]}
        names = [text.named(story, s.labels) for story, s in zip(stories, samples)]
        numbers |= {f"text names the {key}": mean_of(names, key) for key in names[0]}
        numbers["distinct-2"] = text.distinct_bigrams(stories)
        numbers["words a story"] = mean(sum(map(len, map(words, story.texts))) for story in stories)
        if count_tokens:
            numbers["tokens a story"] = mean(map(count_tokens, stories))
        for key in ("steps", "rounds"):
            if all(story.stats for story in stories):
                numbers[f"{key} a story"] = mean(story.stats[key] for story in stories)
        report[side] = numbers
        if side == "model":
            faults = [
                {"id": s.id, "faults": [k for k, v in (shape | phrase).items() if v]}
                | {"unparsed": [x for x in text.sentences(s.told) if not parsed_horse[x]]}
                for s, shape, phrase in zip(samples, shapes, phrases)
            ]
    for unit in ("words", "tokens"):
        if (key := f"{unit} a story") in report["true"]:
            report["model"][f"{unit}, ratio to the true stories"] = report["model"][key] / report["true"][key]
    report["floor"] = {"sentences with complete linkage": mean(parsed[s] for s in mixed)} | shuffled_names(samples)
    return report, faults


def shuffled_words(sentence: str) -> str:
    """The words of a true sentence in another order, with a capital and a full stop."""
    mixed = words(sentence)
    random.Random(sentence).shuffle(mixed)
    mixed = " ".join(mixed)
    return f"{mixed[:1].upper()}{mixed[1:]}."


def shuffled_names(samples: list[Sample]) -> dict:
    """How often a story names what another one's prompt asks for."""
    found = []
    for order in shuffles(len(samples)):
        found += [text.named(samples[i].told, samples[j].labels) for i, j in enumerate(order)]
    return {f"text names the {key}": mean_of(found, key) for key in found[0]}


def token_counter(model: Path | None):
    """Counts the text tokens of a story as the sampler counts them."""
    if model is None:
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))

    def count(story: Story) -> int:
        texts = [story.texts[0]] + [f" {t}" for t in story.texts[1:]] if story.texts else []
        return story.stats.get("tokens") or sum(len(tokenizer.encode(t).ids) for t in texts)

    return count


# Pictures.


def measure_pictures(samples: list[Sample], args: argparse.Namespace) -> tuple[dict, list[list[dict]]]:
    """Accuracies of the model's pictures, of the true ones, of those through the codec, and the floor."""
    judge = fitted_judge(args.train_prompts, args.train_pictures)
    labels = [s.labels for s in samples]
    told = judge([s.told.pictures for s in samples])
    true_pictures = [s.true.pictures for s in samples]
    report = {"model": accuracies(told, labels), "true": accuracies(judge(true_pictures), labels)}
    if args.model:
        codec = Codec(args.model)
        rebuilt = judge([list(codec.rebuilt(np.stack(p))) for p in true_pictures])
        report["codec"] = accuracies(rebuilt, labels)
    floors = [accuracies(told, [labels[j] for j in order]) for order in shuffles(len(labels))]
    report["floor"] = {key: mean(f[key] for f in floors) for key in floors[0]}
    return report, told


def fitted_judge(prompts: Path, pictures: Path):
    """A function from the pictures of each story to the labels that they show."""
    true, names = [], []
    for line in read_prompts(prompts):
        for i, beat in enumerate(line["labels"]["beats"]):
            true.append(read_picture(pictures / line["id"] / f"{i}.png"))
            names.append(beat)
    true = np.stack(true)
    seen = np.concatenate([true, spoiled(true, np.random.default_rng(0))])
    probes = {label: Probe.fit(label, 16, seen, [n[label] for n in names * 2]) for label in CLASSES}
    matcher = Matcher()

    def judge(stories: list[list[np.ndarray]]) -> list[list[dict]]:
        flat = [p for story in stories for p in story]
        if not flat:
            return [[] for _ in stories]
        flat = np.stack(flat)
        found = {"place": probes["place"].name(flat), "sky": probes["sky"].name(flat)}
        found |= {"character": matcher.name(flat), "character by probe": probes["character"].name(flat)}
        rows = iter([dict(zip(found, row)) for row in zip(*found.values())])
        return [[next(rows) for _ in story] for story in stories]

    return judge


def accuracies(stories: list[list[dict]], labels: list[dict]) -> dict:
    """Shares of pictures that show what the prompt says; a story without a picture counts as a wrong first one."""
    keys = ("place", "sky", "character", "character by probe")
    rights, firsts = [], []
    for shown, label in zip(stories, labels):
        row = [{key: p[key] == label[key.split(" by ")[0]] for key in keys} for p in shown]
        for right in row:
            right["place and sky"] = right["place"] and right["sky"]
            right["place, sky and character"] = right["place and sky"] and right["character"]
        rights += row
        firsts.append(row[0] if row else {})
    names = (*keys, "place and sky", "place, sky and character")
    out = {key: mean(r[key] for r in rights) for key in names}
    return out | {f"first picture: {key}": mean(f.get(key, False) for f in firsts) for key in names}


# Helpers.


def shuffles(n: int):
    """Orders in which hardly anything stays in place, always the same."""
    rng = random.Random(0)
    for _ in range(N_SHUFFLES):
        yield rng.sample(range(n), n)


def mean(values) -> float:
    values = list(values)
    return float(np.mean(values)) if values else 0.0


def mean_of(rows: list[dict], key: str) -> float:
    """The mean where there is a value."""
    return mean(row[key] for row in rows if row[key] is not None)


def print_report(report: dict):
    print(f"{report['n_stories']} stories, {report['n_pictures']} pictures of the model")
    if report["text"]["true"]["stories that the bank can tell"] < 1:
        print("warning: these true stories are of another bank; give its bank.txt with --bank")
    for part in ("text", "pictures"):
        if part not in report:
            continue
        columns = [c for c in ("model", "true", "codec", "floor") if c in report[part]]
        print(f"\n{part:46}" + "".join(f"{c:>9}" for c in columns))
        for key in report[part]["model"]:
            cells = (shown(key, report[part][c].get(key)) for c in columns)
            print(f"{key:46}" + "".join(f"{cell:>9}" for cell in cells))


def shown(key: str, value: float | None) -> str:
    if value is None:
        return ""
    plain = key.endswith(" a story") or key == "distinct-2" or "ratio" in key
    return f"{value:.3f}" if plain else f"{100 * value:.1f} %"


if __name__ == "__main__":
    main()
