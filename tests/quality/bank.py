"""Is the bank of the large world good English? Sentences that link-grammar parses, and what a
trigram model of spoken English makes of the words, beside the same words shuffled.

The stories come from `oneflow data tell --json`, a line each with its `text`. The end of a sentence
counts as a word of it, as in the perplexity of any language model: so measured, the 316 CC-BY
stories of the English African Storybook have 5.34 nats a word, 7.68 shuffled.
"""

import argparse
import json
import math
import random
import re
from pathlib import Path

from grammar import complete_linkages

#: Log probabilities of the trigram model are of this base.
BASE = 1.0001
#: What the trigram model calls the end of a sentence.
END = "</s>"
#: Below this many nats a word is one that the model does not know.
UNKNOWN_NATS = -60


def main():
    args = arguments()
    texts = [json.loads(line)["text"] for line in args.stories.read_text().splitlines()]
    rng = random.Random(args.seed)
    told = [sentence for text in texts for sentence in sentences(text)]
    plain = sorted({s for s in told if '"' not in s})
    asked = rng.sample(plain, min(args.parse, len(plain)))
    parsed = complete_linkages(set(asked))
    bad = [s for s in asked if not parsed[s]]
    score = trigrams()
    nats, unknown = score(told)
    shuffled, _ = score([shuffle(s, rng) for s in told[:5000]])
    result = {
        "stories": len(texts),
        "sentences": len(told),
        "sentences_without_dialogue": len([s for s in told if '"' not in s]),
        "parsed_sample": len(asked),
        "parse_share": 1 - len(bad) / max(1, len(asked)),
        "trigram_nats_per_word": nats,
        "trigram_nats_per_word_shuffled": shuffled,
        "out_of_vocabulary_share": unknown,
    }
    print(json.dumps(result, indent=2))
    if args.show:
        print("\n".join(bad[: args.show]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=Path, required=True, help="of `oneflow data tell --json`")
    parser.add_argument("--parse", type=int, default=2000, help="sentences to parse")
    parser.add_argument("--show", type=int, default=0, help="sentences that do not parse to print")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def sentences(text: str) -> list[str]:
    """A sentence ends at a sign and the quotation mark after it, before a capital or a quotation."""
    return re.split(r'(?<=[.!?]) (?=[A-Z"])|(?<=[.!?]") (?=[A-Z"])', text)


def words(sentence: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)?", sentence.lower())


def shuffle(sentence: str, rng: random.Random) -> str:
    drawn = words(sentence)
    rng.shuffle(drawn)
    return " ".join(drawn)


def trigrams():
    """A function from sentences to nats a word, ends of sentences among the words, and the share of
    words that the model does not know."""
    from pocketsphinx import Config, LogMath, NGramModel, get_model_path

    model = NGramModel(Config(), LogMath(BASE), get_model_path("en-us/en-us.lm.bin"))

    def score(told):
        total, known, unknown = 0.0, 0, 0
        for sentence in told:
            history = ["<s>"]
            for word in [*words(sentence), END]:
                # The word first, then its history backwards.
                nats = model.prob([word, *history[:-3:-1]]) * math.log(BASE)
                history.append(word)
                if nats < UNKNOWN_NATS:
                    unknown += 1
                else:
                    total, known = total - nats, known + 1
        return total / max(1, known), unknown / max(1, known + unknown)

    return score


if __name__ == "__main__":
    main()
