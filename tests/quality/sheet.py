"""Stories on one sheet for looking at: pictures enlarged, their sentences below.

A file name that ends in .png makes a picture, one that ends in .html a page.
"""

import argparse
import base64
import html
import textwrap
from pathlib import Path

import cv2
import numpy as np

from stories import Story, read_prompts, read_story

#: Enlargement of a picture, as the demo shows it.
SCALE = 3
#: Of the PNG sheet, pixels: space around things, height of a line of text.
GAP, LINE = 12, 16
#: Letters in a line below a picture, and in the line of the prompt.
LETTERS, PROMPT_LETTERS = 27, 105
#: Pictures side by side in the PNG sheet; a story with more goes on below.
COLUMNS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="of `oneflow data prompts`")
    parser.add_argument("--generated", type=Path, required=True, help="of `oneflow generate --prompts`")
    parser.add_argument("--start", type=int, default=0, help="stories to leave out")
    parser.add_argument("--count", type=int, default=12, help="stories to show")
    parser.add_argument("--out", type=Path, required=True, help="the sheet, .png or .html")
    args = parser.parse_args()
    lines = read_prompts(args.prompts)[args.start : args.start + args.count]
    told = [(f"{line['id']}: {line['prompt']}", read_story(args.generated / line["id"])) for line in lines]
    if args.out.suffix == ".html":
        args.out.write_text(page(told))
    else:
        cv2.imwrite(str(args.out), cv2.cvtColor(sheet(told), cv2.COLOR_RGB2BGR))


def panels(story: Story) -> list[tuple[np.ndarray | None, str]]:
    """Each picture, enlarged, with the text before it; text without a picture stands alone."""
    out, text = [], []
    texts, pictures = iter(story.texts), iter(story.pictures)
    for kind in story.order:
        if kind == "text":
            text.append(next(texts))
            continue
        picture = cv2.resize(next(pictures), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        out.append((picture, " ".join(text)))
        text = []
    return out + ([(None, " ".join(text))] if text else [])


def sheet(told: list[tuple[str, Story]]) -> np.ndarray:
    """The stories below each other, RGB."""
    rows = [row for prompt, story in told for row in story_rows(prompt, panels(story))]
    return np.concatenate(rows)


def story_rows(prompt: str, shown: list) -> list[np.ndarray]:
    side = 64 * SCALE
    width = COLUMNS * (side + GAP) + GAP
    rows = [lettering(textwrap.wrap(prompt, PROMPT_LETTERS), width, (150, 60, 0))]
    for i in range(0, len(shown), COLUMNS):
        here = [(picture, textwrap.wrap(text, LETTERS)) for picture, text in shown[i : i + COLUMNS]]
        n_lines = max(len(lines) for _, lines in here)
        row = np.full((side + n_lines * LINE + GAP, width, 3), 255, np.uint8)
        for column, (picture, lines) in enumerate(here):
            left = GAP + column * (side + GAP)
            if picture is not None:
                row[:side, left : left + side] = picture
            row[side:, left : left + side] = lettering(lines, side, (0, 0, 0), n_lines, 0)
        rows.append(row)
    return rows


def lettering(lines: list[str], width: int, colour: tuple, n_lines: int | None = None, left: int = GAP) -> np.ndarray:
    height = (len(lines) if n_lines is None else n_lines) * LINE + GAP
    block = np.full((height, width, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        cv2.putText(block, line, (left, (i + 1) * LINE), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    return block


def page(told: list[tuple[str, Story]]) -> str:
    """The stories as one file without outside parts."""
    style = "body{font:15px system-ui;margin:2em}section{display:flex;flex-wrap:wrap;gap:1em}figure{width:192px;margin:0}"
    body = []
    for prompt, story in told:
        body.append(f"<h3>{html.escape(prompt)}</h3><section>")
        for picture, text in panels(story):
            image = "" if picture is None else f'<img alt="" src="{data_url(picture)}">'
            body.append(f"<figure>{image}<figcaption>{html.escape(text)}</figcaption></figure>")
        body.append("</section>")
    return f"<!doctype html><meta charset=utf-8><title>Stories</title><style>{style}</style>" + "\n".join(body)


def data_url(picture: np.ndarray) -> str:
    _, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return "data:image/png;base64," + base64.b64encode(png).decode()


if __name__ == "__main__":
    main()
