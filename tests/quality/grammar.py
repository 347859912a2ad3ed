"""Which sentences link-grammar parses completely (Debian's `link-parser`)."""

import re
import subprocess

#: Seconds after which the parser gives a sentence up.
TIMEOUT_SECS = 5


def complete_linkages(sentences: set[str]) -> dict[str, bool]:
    """For each sentence, whether every word of it takes part in a linkage.

    In batch mode link-parser allows no word to be left out, echoes each
    sentence, and prints "+++++ error N" below one that it cannot parse.
    """
    # A line that begins with another sign is a command or a comment to link-parser; such a
    # sentence is none anyway.
    asked = sorted({one_line(s) for s in sentences if is_sendable(s)})
    command = [
        "link-parser", "en", "-batch", "-echo=1", "-graphics=0", "-verbosity=1", f"-timeout={TIMEOUT_SECS}",
    ]  # fmt: skip
    try:
        run = subprocess.run(command, input="\n".join(asked) + "\n", capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise SystemExit("no link-parser here: install the package link-grammar") from None
    parsed, last = {}, None
    for line in run.stdout.splitlines():
        if line.startswith("+++++ error"):
            parsed[last] = False
        else:
            last = line.strip()
            parsed[last] = True
    missing = [s for s in asked if s not in parsed]
    if missing:
        raise SystemExit(f"link-parser gave no answer for {missing[0]!r}")
    return {s: is_sendable(s) and parsed[one_line(s)] for s in sentences}


def without_unicorn(sentence: str) -> str:
    """The sentence about a horse: the dictionary takes "unicorn" for a word that needs "an"."""
    return re.sub(r"\bunicorn\b", "horse", sentence)


def is_sendable(sentence: str) -> bool:
    return sentence[:1].isalpha()


def one_line(sentence: str) -> str:
    return " ".join(sentence.split())
