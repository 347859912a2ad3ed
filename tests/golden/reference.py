"""Writes the golden files in this folder: inputs, the outputs that `equations` gives for them, and
how far an implementation in single precision may be off, with the reason.

    python3 tests/golden/reference.py            writes the files
    python3 tests/golden/reference.py --check    recomputes and compares with the files

Inputs are numbers that single precision holds exactly. A deviation is |found - expected| /
max(1, |expected|). Needs NumPy.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
import equations as eq
from equations import BEGIN, IMAGE, PROMPT_END, Rng, single


def tolerance(value, reason, *quantities):
    return {"value": value, "reason": reason, "quantities": quantities}


def exact(*quantities):
    return tolerance(0, "whole numbers, copies and exact quotients", *quantities)


def rounded(*quantities):
    reason = "some ten roundings of single precision, 6e-8 each, and what they are multiplied by"
    return tolerance(2e-6, reason, *quantities)


def rng_file():
    def case(seed, stream):
        def fresh():
            return Rng(seed, stream)

        words, uniforms, normals, belows = fresh(), fresh(), fresh(), fresh()
        return {
            "seed": seed,
            "stream": stream,
            "words": [[word >> 32, word % 2**32] for word in (words.word() for _ in range(8))],
            "uniforms": [uniforms.uniform() for _ in range(8)],
            "normals": normals.normals(8),
            "limits": (limits := [1, 2, 3, 7, 10, 1000, 2**31, 3 * 2**30]),
            "belows": [belows.below(n) for n in limits],
        }

    return {
        "about": "The generator; a word is two halves of 32 bits, the upper first.",
        "tolerances": [
            exact("words", "belows"),
            tolerance(2**-25, "half of 2⁻²⁴, of which they are multiples: no other one will do", "uniforms"),
            rounded("normals"),
        ],
        "cases": [case(0, 0), case(1, 0), case(7, 3), case(2**53 - 1, 2**32)],
    }


def schedule_file():
    times = np.array([0.0, 0.015625, 0.25, 0.4375, 0.5, 0.75, 0.96875])
    steps = np.array([0.125, 0.25, 0.5, 0.0625, 0.5, 0.25, 1.0])
    taus = np.array([0.25, 0.5, 0.5, 1.0, 1.25, 1.75, 2.0])
    us = np.array([0.5, 0.25, 0.4375, 0.96875, 0.875, 0.0625, 0.0])

    def case(k):
        clocks = eq.image_clock(taus, us, k)
        return {
            "exponent": k,
            "t": times,
            "step_size": steps,
            "kappa": eq.kappa(times, k),
            "kappa_inverse": times ** (1 / k),
            "hazard": eq.hazard(times, k),
            "arrival_prob": eq.arrival_prob(times, steps, k),
            "arrival_prob_at_end": eq.arrival_prob(np.array([1.0]), np.array([0.5]), k),
            "tau_text": taus,
            "u": us,
            "t_text": np.clip(taus, 0, 1),
            "tau_img": clocks,
            "t_img": [min(1, tau) if tau >= 0 else -1 for tau in clocks],
        }

    return {
        "about": "Schedule t^k (Eq. 2) and clocks (Eq. 27-29); a picture that is absent has t_img -1.",
        "tolerances": [
            exact("t_text", "arrival_prob_at_end"),
            rounded("kappa", "kappa_inverse", "hazard", "arrival_prob", "tau_img", "t_img"),
        ],
        "cases": [case(k) for k in (1.0, 2.0, 3.0, 1.5)],
    }


def noising_file():
    story = [BEGIN, 40, PROMPT_END, 10, 11, -1, 12, 12, 14, -2, 15, -3]

    def fixed(clean, n_prompt, keep, image_times):
        inputs = {"clean": clean, "n_prompt": n_prompt, "keep": keep, "image_times": image_times}
        return inputs | eq.noise_at(clean, n_prompt, keep, image_times)

    def drawn(seed, k, tau_text):
        inputs = {"clean": story, "n_prompt": 3, "seed": seed, "exponent": k, "tau_text": tau_text}
        return inputs | eq.noise(story, 3, k, tau_text, Rng(seed))

    def pair(seed, k, t_text, t_images):
        inputs = {"clean": story, "n_prompt": 3, "seed": seed, "exponent": k, "t_text": t_text, "t_images": t_images}
        return inputs | eq.noise_pair(story, 3, k, t_text, t_images, Rng(seed))

    def path(seed, t):
        rng = Rng(seed)
        noise, data = rng.inputs(6), rng.inputs(6)
        return {"noise": noise, "data": data, "t": t, "latents": t * data + (1 - t) * noise, "velocity": data - noise}

    merge = [BEGIN, 10, -1, 11, 12]
    return {
        "about": "Algorithm 3, lines 1-5: which elements are left, what each slot lacks, and the pictures' times.",
        "tolerances": [exact("elements", "bag_sizes", "bags", "sources"), rounded("times", "latents", "velocity")],
        "fixed": [
            fixed(merge, 1, [0, 1, 0, 0], [0.5]),
            fixed(merge, 1, [0, 0, 0, 0], [0.5]),
            fixed(story, 3, [1, 0, 1, 0, 0, 1, 0, 0, 1], [0.25, 0.5, 1.0]),
            fixed(story, 3, [1] * 9, [0.0, 0.5, 1.0]),
        ],
        "drawn": [drawn(1, 1.0, 0.5), drawn(2, 1.0, 0.75), drawn(3, 2.0, 0.875), drawn(4, 1.0, 1.25), drawn(5, 3.0, 1.75)],
        "pair": [pair(6, 1.0, 0.5, [0.25, 0.75, 0.125]), pair(7, 2.0, 0.5, [1.0, 0.5, 0.0])],
        "path": [path(8, 0.0), path(9, 0.375), path(10, 1.0)],
    }


def losses_file():
    def text(about, pi, rate, q, bags):
        pi, rate, q = single(pi), single(rate), single(q)
        return {
            "about": about,
            "zero_prob": pi,
            "insertion_rate": rate,
            "bags": bags,
            "normaliser": len(bags),
            # The same as the heads would give it: π = sigmoid, λ = 1 + softplus, Q = softmax.
            "gate_logit": single(np.log(pi / (1 - pi))),
            "rate_raw": single(np.log(np.expm1(rate - 1))),
            "token_logits": single(np.log(q) + 0.5),
        } | eq.text_loss(pi, rate, q, bags, len(bags))

    rng = Rng(11)
    q = [eq.softmax(2 * rng.inputs(7)) for _ in range(6)]
    texts = [
        text("two slots: 1.9154923", [0.2, 0.9], [1.5, 2], [[0.1, 0.1, 0.2, 0.3, 0.3], [0.2] * 5], [[2, 3], []]),
        text("a token twice, and a bag of seven", [0.5, 0.01, 0.999, 0.3, 0.7, 0.05], [1.01, 7.5, 1.2, 2.25, 1.5, 1.75],
             q, [[], [0, 1, 2, 3, 4, 5, 6], [], [4, 4, 1], [], [6]]),
        text("nothing is missing", [0.875, 0.9375], [1.5, 3], q[:2], [[], []]),
    ]  # fmt: skip

    std = single([1.5, 0.6, 0.1])

    def picture(t):
        noise, data, output = (rng.inputs(12).reshape(4, 3) for _ in range(3))
        scale = eq.Preconditioner(std, t)
        y = t * data + (1 - t) * noise
        return {
            "t": t,
            "noise": noise,
            "data": data,
            "output": output,
            "latents": y,
            "velocity": data - noise,
            "scaled": y / scale.spread,
            "target": data / std,
        } | ({"predicted": scale.velocity(y, output)} if t < 1 else {})

    pictures = [picture(0.0), picture(0.375), picture(1.0), picture(0.75)]
    # Eq. 9; a finished picture takes no loss, because the noise in its target cannot be known.
    losses = [eq.Preconditioner(std, p["t"]).loss(p["predicted"], p["velocity"]) for p in pictures if p["t"] < 1]
    image = {"about": "four pictures, one of them finished", "std": std, "pictures": pictures, "image": np.mean(losses)}
    return {
        "about": "The three sums of Eq. 7 (Eq. 4, 6) and their total over the normaliser; the mean of Eq. 9.",
        "tolerances": [
            rounded("tokens", "poisson", "gate", "total", "latents", "velocity", "scaled", "image"),
            tolerance(5e-6, "the same, divided by σ, of which the least is 0.1", "predicted", "target"),
        ],
        "text": texts,
        "image": [image],
    }


def sampler_step_file():
    options = {
        "n_steps": 4, "temperature": 0.75, "top_p": 0.9375, "open_threshold": 0.4375, "close_threshold": 0.5,
        "max_tokens": 8, "max_images": 3, "vocab_size": 9, "latent_len": 3, "seed": 4, "prompt": [5, 6],
    }  # fmt: skip
    state = {"elements": [], "latents": [], "image_steps": [], "step": 0}
    rng, words = Rng(options["seed"]), Rng(42)
    steps = []
    for _ in range(6):
        n_slots = len(state["elements"]) + 1
        # The third is the image token, likelier than others so that there is a picture or two.
        logits = [words.inputs(options["vocab_size"]) + [0, 0, 1, 0, 0, 0, 0, 0, 0] for _ in range(n_slots)]
        answer = {
            "zero_prob": single([np.round(words.uniform() ** 2, 3) for _ in range(n_slots)]),
            "insertion_rate": single([np.round(1 + 3 * words.uniform(), 3) for _ in range(n_slots)]),
            "token_logits": [single(np.round(slot, 3)) for slot in logits],
            "velocities": [words.inputs(3) if n < options["n_steps"] else [] for n in state["image_steps"]],
        }
        steps.append(answer | eq.sampler_step(state, answer, options, rng))
    return {
        "about": "Algorithms 1 and 2, then completion rounds: what a model answers at each step, and the response after it.",
        "tolerances": [exact("elements", "image_times", "t_text"), rounded("latents")],
        **options,
        "steps": steps,
    }


def forward_file():
    config = {
        "format": "oneflow-web/1",
        "network": {"d_model": 16, "n_heads": 2, "n_layers": 2, "d_mlp": 24, "vocab_size": 270},
        "codec": {"kind": "pca-patch", "image_px": 8, "patch_px": 4, "n_coefs": 6},
        "sampling": {
            "n_steps": 8, "temperature": 1.0, "top_p": 1.0, "open_threshold": 0.5, "close_threshold": 1.0, "min_certainty": 0.0,
            "text_guidance": 0.0, "image_guidance": 0.0, "max_tokens": 32, "max_images": 2,
        },
    }  # fmt: skip
    d, d_mlp, vocab, coefs = 16, 24, 270, 6
    shapes = {
        "tokens": [vocab, d], "segments": [2, d], "patches": [4, d],
        "adapter.in": [coefs, d], "adapter.norm": [1, d], "adapter.out": [d, coefs],
        "time.in": [32, d], "time.out": [d, 4 * d],
    }  # fmt: skip
    for i in range(config["network"]["n_layers"]):
        matrices = {f"attention.{name}": [d, d] for name in ("query", "key", "value", "output")}
        matrices |= {"mlp.gate": [d, d_mlp], "mlp.up": [d, d_mlp], "mlp.down": [d_mlp, d]}
        gains = {"attention.norm": [1, d], "mlp.norm": [1, d]}
        shapes |= {f"blocks.{i}.{name}": shape for name, shape in (gains | matrices).items()}
    shapes |= {"norm": [1, d], "heads.gate": [d, 2]}

    def recipe(number, name, shape):
        # Every sum of products then has variance 1/2 or so, and every term of it is seen.
        scales = {"norm": 0.4, "tokens": 0.3, "segments": 1.0, "patches": 1.0}
        scale = scales.get(name.split(".")[-1], float(np.round((1.5 / shape[0]) ** 0.5, 3)))
        is_gain = name.endswith("norm")
        return {"name": name, "shape": shape, "centre": float(is_gain), "scale": scale, "offset": 37 * number}

    tensors = [recipe(number, *item) for number, item in enumerate(shapes.items())]
    weights = {tensor["name"]: eq.weight(tensor) for tensor in tensors}
    std = single([1.5, 1.1, 0.7, 0.5, 0.3, 0.1])
    rng = Rng(31)

    def sequence(prompt, response, times):
        images = [{"t": t, "latents": single(np.round(np.tile(std, 4) * rng.inputs(4 * coefs), 3))} for t in times]
        return {"elements": prompt + response, "n_prompt": len(prompt), "images": images}

    sequences = [
        sequence([BEGIN, 45, 60, PROMPT_END], [100, -2, 33, 261, -1, 7], [0.25, 0.625]),
        sequence([BEGIN, PROMPT_END], [12, 80, 33, -1, 199, 205, 64, 3, 269, 20, 31], [1.0]),
    ]
    reason = "angles of the time up to 625, off by 2e-7 of themselves, and some hundred sums in any order"
    return {
        "about": "One forward of a small network. Weight i of a tensor is centre + scale·(2·((i³ + offset) mod 1013) / 1012 - 1), "
        "row by row. The sequences are asked one by one, then padded in one batch; `gate` and `outputs` are the heads' raw numbers.",
        "tolerances": [
            tolerance(5e-5, reason, "zero_prob", "insertion_rate", "velocities", "token_logits", "gate", "outputs")
        ],
        "config": config,
        "tokenizer": tokenizer(vocab),
        "std": std,
        "tensors": tensors,
        "sequences": [s | eq.forward(config, weights, std, s) for s in sequences],
    }


def blocks_file():
    def case(seed, spec):
        rng = Rng(seed)
        rows, cols = spec["shape"]
        k, n = (rows, cols) if spec["axis"] == 0 else (cols, rows)
        bits = {"q8": 8, "q4": 4}[spec["format"]]
        words = [[rng.word() >> 32 for _ in range(k * bits // 32)] for _ in range(n)]
        # Half precision, one of them negative and one nought.
        scales = np.float64(np.float16([[rng.normal() * 0.01 for _ in range(k // spec["block"])] for _ in range(n)]))
        scales[0][0] = 0
        return spec | {"words": words, "scales": scales, "values": eq.from_blocks(spec, words, scales)}

    return {
        "about": "Matrices in blocks as they lie in model.safetensors: words [n, K·bits/32], scales [n, K/block], and their numbers.",
        "tolerances": [tolerance(6e-8, "exact products, written with the digits of single precision", "values")],
        "cases": [
            case(51, {"format": "q8", "block": 32, "axis": 0, "shape": [64, 3]}),
            case(52, {"format": "q8", "block": 64, "axis": 1, "shape": [2, 64]}),
            case(53, {"format": "q4", "block": 32, "axis": 1, "shape": [3, 96]}),
            case(54, {"format": "q4", "block": 64, "axis": 0, "shape": [128, 2]}),
        ],
    }


def tokenizer(vocab_size):
    """The least that fits: special tokens, bytes, and words of two letters."""
    specials = ["<|begin|>", "<|prompt-end|>", "<|image|>"]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(256 - len(printable))]
    pairs = [["a", chr(ord("a") + i)] for i in range(vocab_size - 3 - 256)]
    names = specials + letters + ["".join(pair) for pair in pairs]
    return {
        "added_tokens": [{"id": i, "content": name, "special": True} for i, name in enumerate(specials)],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "model": {"type": "BPE", "vocab": {name: i for i, name in enumerate(names)}, "merges": pairs},
    }


FILES = {
    "rng": rng_file,
    "schedule": schedule_file,
    "noising": noising_file,
    "losses": losses_file,
    "sampler_step": sampler_step_file,
    "forward": forward_file,
    "blocks": blocks_file,
}


def plain(value):
    """Lists and numbers for JSON; what is not a number of single precision, with nine digits."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(inner) for inner in value]
    if isinstance(value, (float, np.floating)):
        is_single = float(np.float32(value)) == value
        return float(str(np.float32(value))) if is_single else float(f"{value:.9g}")
    return int(value) if isinstance(value, np.integer) else value


def text(value, indent=""):
    """JSON with a field a line; lists of numbers and long tables on one line."""
    inner = indent + "  "
    if isinstance(value, dict) and len(json.dumps(value)) > 110 and len(value) < 100:
        fields = [f'{inner}"{name}": {text(field, inner)}' for name, field in value.items()]
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(x, (dict, list)) for x in value) and len(json.dumps(value)) > 110:
        return "[\n" + ",\n".join(inner + text(x, inner) for x in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def difference(found, expected, place):
    """Where two files differ by more than the last of nine digits; None where they do not."""
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        places = [(found[name], expected[name], f"{place}.{name}") for name in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        places = [(*pair, f"{place}[{i}]") for i, pair in enumerate(zip(found, expected))]
    else:
        is_float = isinstance(found, float) and isinstance(expected, (int, float))
        same = abs(found - expected) <= 1e-8 * max(1, abs(expected)) if is_float else found == expected
        return None if same else f"{place} is {expected}, recomputed {found}"
    return next(filter(None, (difference(*pair) for pair in places)), None)


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    for name, make in FILES.items():
        path = Path(__file__).parent / f"{name}.json"
        made = plain(make())
        if arguments:
            wrong = difference(made, json.loads(path.read_text()), name)
            if wrong:
                sys.exit(f"{path.name} is not what the reference gives: {wrong}")
        else:
            path.write_text(text(made) + "\n")
    print("all files are what the reference gives" if arguments else f"{len(FILES)} files written")


if __name__ == "__main__":
    main(sys.argv[1:])
