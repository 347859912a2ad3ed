"""What is measured of a story's text; each function says what it counts."""

import re

from stories import Story
from world import CHARACTERS, PLACES, PROPS, SKIES, Bank, words

#: A sentence ends at one of these with white space behind it.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def sentences(story: Story) -> list[str]:
    """The sentences of a story; a text before a picture ends a sentence even without a full stop."""
    parts = (part.strip() for text in story.texts for part in SENTENCE_END.split(text))
    return [part for part in parts if part]


# Stories that are empty or cut.


def shape_faults(story: Story, n_beats: int) -> dict[str, bool]:
    """What is wrong with a story that should have `n_beats` sentences, each with its picture behind it."""
    n_images = story.order.count("image")
    return {
        "empty": not sentences(story),
        "no final punctuation": any(not text.rstrip().endswith((".", "!", "?")) for text in story.texts),
        "no picture": n_images == 0,
        "fewer beats than asked for": n_images < n_beats or len(sentences(story)) < n_beats,
        "more beats than asked for": n_images > n_beats or len(sentences(story)) > n_beats,
        "text and pictures out of turn": story.order != ["text", "image"] * (len(story.order) // 2),
    }


# Duplicated and broken phrases.


def phrase_faults(story: Story, bank: Bank, parsed: dict[str, bool]) -> dict[str, bool]:
    """What is wrong with the phrases of a story.

    - duplicated phrase: one or more words twice in a row within a sentence
      ("on the on the"), with or without punctuation between;
    - duplicated sentence: the same sentence twice in the story;
    - unknown word: a word that no true sentence has, such as two halves of
      different words;
    - misplaced capital: a sentence that begins without one, or a word with one
      inside a sentence that has none there in any true sentence;
    - misplaced punctuation: two signs in a row, one at the start of a sentence,
      or one with a space before it;
    - sentence does not parse: no complete linkage ("horse" for "unicorn"), and
      it is not a sentence of the bank either.
    """
    found = sentences(story)
    return {
        "duplicated phrase": any(repeats(words(s.lower())) for s in found),
        "duplicated sentence": len(set(found)) < len(found),
        "unknown word": any(w.lower() not in bank.vocabulary for s in found for w in words(s)),
        "misplaced capital": any(miscased(s, bank) for s in found),
        "misplaced punctuation": any(re.search(r"[^\w\s]\s*[^\w\s]|^[^\w]|\s[^\w\s]", s) for s in found),
        "sentence does not parse": any(not parsed[s] and not bank.readings(s) for s in found),
    }


def repeats(units: list[str]) -> bool:
    """Whether some run of units stands twice in a row."""
    n = len(units)
    return any(
        units[i : i + size] == units[i + size : i + 2 * size]
        for size in range(1, n // 2 + 1)
        for i in range(n - 2 * size + 1)
    )


def miscased(sentence: str, bank: Bank) -> bool:
    """Whether a capital is missing at the start or stands where no true sentence has one."""
    inner = words(sentence)[1:]
    return not sentence[:1].isupper() or any(w != w.lower() and w not in bank.names for w in inner)


# Does the story follow the prompt?


def named(story: Story, labels: dict) -> dict[str, bool | None]:
    """Whether the text names what the prompt does; None where the prompt says nothing of it.

    A synonym of the prompt ("puppy", "in the woods") counts as the story's own
    word, by way of the labels.
    """
    text = " ".join(story.texts)
    mentioned = labels["mentioned"]
    expected = {
        "character": CHARACTERS[labels["character"]],
        "place": PLACES[labels["place"]],
        "sky": SKIES[labels["sky"]],
        "adjective": labels["adjective"],
        "prop": PROPS.get(labels["prop"]),
        "friend": CHARACTERS.get(labels["friend"]),
    }
    out = {key: has(text, word) if mentioned[key] else None for key, word in expected.items()}
    first = sentences(story)[:1]
    out["character in the first sentence"] = bool(first) and has(first[0], expected["character"])
    return out


def has(text: str, phrase: str) -> bool:
    return re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE) is not None


# How varied the text is.


def distinct_bigrams(stories: list[Story]) -> float:
    """distinct-2: different pairs of neighbouring words, divided by all of them."""
    rows = [words(s.lower()) for story in stories for s in sentences(story)]
    pairs = [pair for row in rows for pair in zip(row, row[1:])]
    return len(set(pairs)) / max(len(pairs), 1)
