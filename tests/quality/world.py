"""The words of Storyworld and the sentences that its bank can make.

The tables repeat src/data/cards/names.rs on purpose: the measurement shares no code
with what it measures. That they agree shows in the column of the true stories,
where every sentence must be one of the bank's.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CHARACTERS = {
    name: name
    for name in (
        "fox rabbit bear panda koala lion frog penguin owl dog mouse pig tiger monkey hedgehog duck "
        "elephant unicorn dragon turtle robot ghost raccoon"
    ).split()
} | {"black-cat": "cat"}

PROPS = {
    "balloon": "balloon",
    "kite": "kite",
    "red-apple": "apple",
    "key": "key",
    "drum": "drum",
    "guitar": "guitar",
    "trumpet": "trumpet",
    "wrapped-gift": "present",
    "red-paper-lantern": "lantern",
    "umbrella": "umbrella",
    "crown": "crown",
    "cupcake": "cupcake",
    "open-book": "book",
    "sunflower": "sunflower",
    "soccer-ball": "ball",
    "star": "star",
}

ADJECTIVES = "shy brave tiny sleepy curious happy clever kind".split()

PLACES = {
    "meadow": "in the meadow",
    "forest": "in the forest",
    "beach": "on the beach",
    "snow": "in the snow",
    "sea": "on the sea",
    "cave": "in the cave",
    "indoor": "in the house",
    "road": "on the road",
}

SKIES = {
    "day": "On a sunny morning",
    "sunset": "On a golden evening",
    "night": "On a starry night",
    "rain": "On a rainy day",
}

FILLERS = {
    "adj": ADJECTIVES,
    "char": list(CHARACTERS.values()),
    "friend": list(CHARACTERS.values()),
    "prop": list(PROPS.values()),
    "place": list(PLACES.values()),
    "Sky": list(SKIES.values()),
}


class Bank:
    """The sentences of src/data/cards/bank.txt as patterns."""

    def __init__(self, path: Path):
        #: (plot, number of the beat, pattern)
        self.templates: list[tuple[str, int, re.Pattern]] = []
        #: Every word that a sentence can have, in lower case.
        self.vocabulary: set[str] = {"a", "an"}
        #: Words that can have a capital inside a sentence.
        self.names: set[str] = set()
        plot, beat = "", -1
        for line in path.read_text().splitlines():
            if line.startswith("["):
                plot, beat = line.strip("[]"), -1
            elif line.startswith("beat:"):
                beat += 1
            elif line.startswith("- "):
                self.templates.append((plot, beat, pattern(line[2:])))
                fixed = words(re.sub(r"\{\w+\}", " 0 ", line[2:]))
                self.names.update(w for w in fixed[1:] if w != w.lower())
                self.vocabulary.update(w.lower() for w in fixed)
        for fillers in FILLERS.values():
            self.vocabulary.update(w.lower() for filler in fillers for w in words(filler))

    def readings(self, sentence: str) -> list[tuple[str, int, dict]]:
        """The ways to read it as a sentence of the bank: plot, beat, and what fills the slots."""
        found = []
        for plot, beat, template in self.templates:
            match = template.fullmatch(sentence)
            if match and articles_fit(match):
                slots = {k: v for k, v in match.groupdict().items() if not k.startswith("article")}
                found.append((plot, beat, slots))
        return found

    def tells(self, sentences: list[str]) -> bool:
        """Whether these are the sentences of one plot in order, with the same fillers throughout."""
        if not sentences:
            return False
        states = None
        for i, sentence in enumerate(sentences):
            here = [(plot, slots) for plot, beat, slots in self.readings(sentence) if beat == i]
            if states is None:
                states = here
                continue
            states = [
                (plot, slots | more)
                for plot, slots in states
                for other, more in here
                if plot == other and all(more[k] == v for k, v in slots.items() if k in more)
            ]
        lengths = {plot: 1 + max(b for p, b, _ in self.templates if p == plot) for plot, _ in states}
        return any(lengths[plot] == len(sentences) for plot, _ in states)


def pattern(template: str) -> re.Pattern:
    """A template as a pattern with a group for each slot; a slot is filled alike wherever it stands."""
    seen, out, n_articles = set(), "", 0
    for piece in re.split(r"(\{\w+\})", template):
        slot = piece.strip("{}")
        if not piece.startswith("{"):
            out += re.escape(piece)
        elif slot in ("a", "A"):
            n_articles += 1
            out += f"(?P<article{n_articles}>{slot}n?)"
        elif slot in seen:
            out += f"(?P={slot})"
        else:
            seen.add(slot)
            out += f"(?P<{slot}>{'|'.join(map(re.escape, FILLERS[slot]))})"
    return re.compile(out)


def articles_fit(match: re.Match) -> bool:
    """Whether each article that stands before a slot fits the word after it."""
    for name in match.groupdict():
        if name.startswith("article"):
            word = match.string[match.end(name) :].lstrip()
            vowel = word[:1] in "aeiou" and not word.startswith("uni")
            if match[name].lower() != ("an" if vowel else "a"):
                return False
    return True


def words(text: str) -> list[str]:
    """The words of a text, without punctuation."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text)
