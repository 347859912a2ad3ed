"""From clean documents to batches, and the loss: Algorithm 3, Eq. 7 and Eq. 9 of arXiv:2510.03506v3, as
`src/flow/noising.rs`, `src/train/batch.rs` and `src/train/loss.rs` have them.

An element of a sequence is a token's id, or -1 - i for picture i.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model import Input, OneFlow, Preconditioner


@dataclass
class Clean:
    """A clean document."""

    #: Prompt and response.
    elements: list[int]
    #: Elements of the prompt, which are never noised and have no slots but the last.
    n_prompt: int
    #: Latents of each picture `[p, k]`.
    latents: list[np.ndarray]
    #: Of each element of the response, whether it is given: never noised, and no loss on it.
    given: list[bool]


@dataclass
class Noisy:
    """A document under noise."""

    elements: list[int]
    n_prompt: int
    #: What each slot lacks.
    bags: list[list[int]]
    #: Elements of the clean response, and one: what its text loss is divided by, in place of Eq. 7's n.
    clean_len: int
    #: Of each picture that is left: the clean latents, the noise `[p, k]`, the time.
    images: list[tuple[np.ndarray, np.ndarray, float]]


@dataclass
class Targets:
    """What the heads should say of a batch."""

    #: Missing elements of each slot `[n_slots]`.
    counts: Tensor
    #: Weight of each slot: 1 over its document's clean length and the documents of the step `[n_slots]`.
    weights: Tensor
    #: Of each missing element, its slot as a number of `Input.asked`, its token, its weight.
    pair_rows: Tensor
    pair_tokens: Tensor
    pair_weights: Tensor
    #: Clean latents `[b, m, p, k]`.
    latents: Tensor
    #: Whether the picture takes a loss `[b, m]`: it is there and not yet finished.
    is_noised: Tensor

    def to(self, device) -> "Targets":
        return type(self)(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def corruption(clean: Clean, config: dict, rng: np.random.Generator) -> tuple[list[bool], list[float]]:
    """Which elements of the response stay, and the time of each picture, by the regimes of a training
    configuration."""
    response, times = clean.elements[clean.n_prompt :], [0.0] * len(clean.latents)
    if rng.random() < config["pair_share"]:
        # Independent times (section 2.3.1): pictures are never absent.
        t_text = 1.0 if rng.random() < config["pair_clean_text"] else rng.random()
        times = [rng.random() for _ in times]
        keep = [element < 0 or rng.random() < t_text for element in response]
    else:
        # The joint clock (Eq. 27-29), κ(t) = t.
        tau = rng.random() + (1.0 if rng.random() < config["complete_share"] else 0.0)
        keep = []
        for element in response:
            moment = rng.random()
            if element < 0:
                times[-1 - element] = min(1.0, max(0.0, tau - moment))
            keep.append(moment <= tau)
    for i, element in enumerate(response):
        if clean.given[i]:
            keep[i] = True
            if element < 0:
                times[-1 - element] = 1.0
    return keep, times


def noise_at(clean: Clean, keep: list[bool], times: list[float], image_token: int, rng: np.random.Generator) -> Noisy:
    """The document with only what is kept, and what its slots lack. Draws the noise of each picture that is left."""
    elements, bags, bag, images = clean.elements[: clean.n_prompt], [], [], []
    for element, kept in zip(clean.elements[clean.n_prompt :], keep):
        if not kept:
            bag.append(element if element >= 0 else image_token)
            continue
        bags.append(bag)
        bag = []
        if element < 0:
            latents = clean.latents[-1 - element]
            noise = rng.standard_normal(latents.shape, dtype=np.float32)
            images.append((latents, noise, times[-1 - element]))
            element = -len(images)
        elements.append(element)
    bags.append(bag)
    return Noisy(elements, clean.n_prompt, bags, len(keep) + 1, images)


def noisy(clean: Clean, config: dict, empty_prompt: list[int], image_token: int, rng: np.random.Generator) -> Noisy:
    """A document as one step sees it: perhaps without its prompt, under noise of a random time."""
    if rng.random() < config["prompt_dropout"]:
        response = clean.elements[clean.n_prompt :]
        clean = Clean(empty_prompt + response, len(empty_prompt), clean.latents, clean.given)
    return noise_at(clean, *corruption(clean, config, rng), image_token, rng)


def collate(rows: list[Noisy], image_token: int, latent_shape: tuple[int, int]) -> tuple[Input, Targets]:
    """A batch, padded to the longest text and to the most pictures. There is room for a picture at least, so that
    every weight takes part in every step: processes that reduce gradients together need that."""
    b, s_t = len(rows), max(len(row.elements) for row in rows)
    m = max(1, *(len(row.images) for row in rows))
    tokens, segments = np.zeros((b, s_t), np.int64), np.zeros((b, s_t), np.int64)
    has_text, has_image = np.zeros((b, s_t), bool), np.zeros((b, m), bool)
    times, places = np.zeros((b, m), np.float32), np.zeros((b, m), np.int64)
    latents, clean = np.zeros((b, m, *latent_shape), np.float32), np.zeros((b, m, *latent_shape), np.float32)
    slots, asked, counts, weights, pairs = [], [], [], [], []
    for i, row in enumerate(rows):
        n = len(row.elements)
        tokens[i, :n] = [element if element >= 0 else image_token for element in row.elements]
        segments[i, row.n_prompt : n] = 1
        has_text[i, :n] = True
        weight = 1 / (row.clean_len * b)
        for place, bag in zip(range(row.n_prompt - 1, n), row.bags, strict=True):
            if bag:
                pairs += [(len(asked), token, weight) for token in bag]
                asked.append(len(slots))
            slots.append(i * s_t + place)
            counts.append(len(bag))
            weights.append(weight)
        for place, element in enumerate(row.elements):
            if element < 0:
                j = -1 - element
                y1, y0, t = row.images[j]
                has_image[i, j], times[i, j], places[i, j] = True, t, place
                clean[i, j], latents[i, j] = y1, t * y1 + (1 - t) * y0
    pair_rows, pair_tokens, pair_weights = zip(*pairs) if pairs else ((), (), ())
    tensor = torch.from_numpy
    texts = (tensor(tokens), tensor(segments), tensor(has_text))
    images = (tensor(latents), tensor(times), tensor(places), tensor(has_image))
    batch = Input(*texts, *images, torch.tensor(slots), torch.tensor(asked, dtype=torch.int64))
    return batch, Targets(
        counts=torch.tensor(counts, dtype=torch.float32),
        weights=torch.tensor(weights, dtype=torch.float32),
        pair_rows=torch.tensor(pair_rows, dtype=torch.int64),
        pair_tokens=torch.tensor(pair_tokens, dtype=torch.int64),
        pair_weights=torch.tensor(pair_weights, dtype=torch.float32),
        latents=tensor(clean),
        is_noised=tensor(has_image & (times < 1)),
    )


def text_losses(gate: Tensor, token_logits: Tensor, targets: Targets) -> dict[str, Tensor]:
    """The three sums of Eq. 7, weighted, on the heads' raw numbers."""
    is_closed = (targets.counts == 0).float()
    bce = F.softplus(gate[:, 0]) - gate[:, 0] * is_closed
    rate = 1 + F.softplus(gate[:, 1])
    poisson = (rate - targets.counts * rate.log()) * (1 - is_closed)
    log_probs = F.log_softmax(token_logits, dim=-1)[targets.pair_rows, targets.pair_tokens]
    return {
        "tokens": -(log_probs * targets.pair_weights).sum(),
        "gate": (bce * targets.weights).sum(),
        "poisson": (poisson * targets.weights).sum(),
    }


def image_loss(images: Tensor, times: Tensor, std: Tensor, targets: Targets, n_noised: Tensor) -> Tensor:
    """Eq. 9 on the estimate of the clean latents, up to t = 1/2; a finished picture takes no loss. `n_noised`,
    not 0, is what the sum over pictures is divided by."""
    factor = Preconditioner(std).factor(times) * targets.is_noised[..., None, None]
    error = factor * (images - targets.latents / std)
    return error.square().mean(dim=(2, 3)).sum() / n_noised


def losses(model: OneFlow, batch: Input, targets: Targets, n_noised: Tensor | None = None) -> dict[str, Tensor]:
    """The terms of a step's loss. The image loss is divided by `n_noised`, or by the batch's noised pictures."""
    said = model(batch)
    n_noised = targets.is_noised.sum().clamp(min=1) if n_noised is None else n_noised
    terms = text_losses(said.gate, said.token_logits, targets)
    return terms | {"image": image_loss(said.images, batch.times, model.std, targets, n_noised)}


def total(terms: dict[str, Tensor], image_weight: float) -> Tensor:
    return terms["tokens"] + terms["gate"] + terms["poisson"] + image_weight * terms["image"]
