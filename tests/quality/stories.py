"""Prompts, generated stories and true stories, all in one form."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np


@dataclass
class Story:
    """A story as its reader sees it."""

    #: "text" and "image" in reading order.
    order: list[str]
    #: The texts between the pictures.
    texts: list[str]
    #: The pictures, [height, width, 3] RGB, 0 to 255.
    pictures: list[np.ndarray]
    #: Of the sampler: steps, rounds, tokens, images. Empty for a true story.
    stats: dict = field(default_factory=dict)


@dataclass
class Sample:
    """A prompt with what is true of it, the story that a model told, and the true one."""

    id: str
    prompt: str
    labels: dict
    told: Story
    true: Story


def read_samples(prompts: Path, generated: Path, true_pictures: Path) -> list[Sample]:
    """The samples of a prompts file, all of whose stories have been generated."""
    samples = []
    for line in read_prompts(prompts):
        told = read_story(generated / line["id"])
        sentences = line["sentences"]
        true = Story(
            order=["text", "image"] * len(sentences),
            texts=sentences,
            pictures=[read_picture(true_pictures / line["id"] / f"{i}.png") for i in range(len(sentences))],
        )
        samples.append(Sample(line["id"], line["prompt"], line["labels"], told, true))
    return samples


def read_prompts(path: Path) -> list[dict]:
    """The lines of a prompts file."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def read_story(folder: Path) -> Story:
    """The story that `oneflow generate --prompts` wrote into `folder`."""
    path = folder / "story.json"
    if not path.exists():
        raise SystemExit(f"{path} is missing: generate a story for every prompt first")
    story = json.loads(path.read_text())
    parts = story["parts"]
    return Story(
        order=[part["type"] for part in parts],
        texts=[part["text"] for part in parts if part["type"] == "text"],
        pictures=[read_picture(folder / part["file"]) for part in parts if part["type"] == "image"],
        stats=story.get("stats", {}),
    )


def read_picture(path: Path) -> np.ndarray:
    """A PNG as [height, width, 3] RGB, 0 to 255."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{path} is no picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
