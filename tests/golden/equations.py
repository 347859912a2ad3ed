"""The process, and a small network, in NumPy and double precision.

Written from the equations of the OneFlow paper (arXiv:2510.03506v3) and from what the crate
documents where the paper leaves a choice, so that a reader can hold it beside both.

A sequence is a list of numbers: a token is its id, picture i is -1 - i. `k` is the exponent of the
schedule κ(t) = t^k.
"""

import numpy as np

BEGIN, PROMPT_END, IMAGE = 0, 1, 2


def single(values):
    """The nearest numbers of single precision."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


# The generator: xoshiro256++ (arXiv:1805.01407v3), its state four words of SplitMix64.


class Rng:
    WORD = 2**64 - 1
    GOLDEN = 0x9E3779B97F4A7C15

    def __init__(self, seed, stream=0):
        word = self.mix((self.mix((seed + self.GOLDEN) & self.WORD) + stream) & self.WORD)
        self.s = [self.mix((word + i * self.GOLDEN) & self.WORD) for i in range(1, 5)]

    @classmethod
    def mix(cls, z):
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & cls.WORD
        z = (z ^ z >> 27) * 0x94D049BB133111EB & cls.WORD
        return z ^ z >> 31

    def word(self):
        def rotl(x, k):
            return (x << k | x >> 64 - k) & self.WORD

        a, b, c, d = self.s
        result = (rotl((a + d) & self.WORD, 23) + a) & self.WORD
        c, d = c ^ a, d ^ b
        self.s = [a ^ d, b ^ c, c ^ b << 17 & self.WORD, rotl(d, 45)]
        return result

    def uniform(self):
        """In [0, 1): the upper 24 bits of a word."""
        return (self.word() >> 40) / 2**24

    def normal(self):
        """Box and Muller, the cosine half only."""
        u, v = self.uniform(), self.uniform()
        return np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)

    def below(self, n):
        """Lemire's multiplication (arXiv:1805.10941v4)."""
        while True:
            product = self.word() * n
            if product % 2**64 >= 2**64 % n:
                return product >> 64

    def bernoulli(self, p):
        """Always one uniform number. Where p is so near that rounding decides, the case is no good."""
        u = self.uniform()
        assert abs(u - p) > 1e-5, "choose another seed"
        return u < p

    def normals(self, n):
        return [self.normal() for _ in range(n)]

    def inputs(self, n):
        """Normal numbers with three decimals, for inputs."""
        return single(np.round(self.normals(n), 3))


# Schedule and clocks: Eq. 2, Eq. 27-29.


def kappa(t, k):
    """κ(t) = t^k; k = 1 is the paper's choice."""
    return np.clip(t, 0, 1) ** k


def hazard(t, k):
    """w(t) = κ'(t) / (1 - κ(t))."""
    return k * t ** (k - 1) / (1 - t**k)


def arrival_prob(t, d, k):
    """That what is missing at t arrives before t + d; for k = 1 it is d·w(t) of Algorithm 2."""
    return np.where(t >= 1, 1, (kappa(t + d, k) - kappa(t, k)) / np.where(t >= 1, 1, 1 - kappa(t, k)))


def image_clock(tau_text, u, k):
    """Eq. 28: τ_img = τ_text - κ⁻¹(u)."""
    return tau_text - u ** (1 / k)


# Noising: Algorithm 3, lines 1 to 5, over the process Z_t of appendix D: Z_t has a place for each
# element of the clean response, which holds the element or a blank.


def noise_at(clean, n_prompt, keep, image_times):
    response = clean[n_prompt:]
    # A missing element is in the slot after as many elements of the response as stand before it.
    slot_of = np.cumsum(keep) - keep
    bags = [[] for _ in range(sum(keep) + 1)]
    for element, kept, slot in zip(response, keep, slot_of):
        if not kept:
            bags[slot].append(element if element >= 0 else IMAGE)
    left = [element for element, kept in zip(response, keep) if kept]
    sources = [-1 - element for element in left if element < 0]
    numbers = iter(range(len(sources)))
    return {
        "elements": clean[:n_prompt] + [x if x >= 0 else -1 - next(numbers) for x in left],
        "bag_sizes": [len(bag) for bag in bags],
        "bags": bags,
        "sources": sources,
        "times": [image_times[source] for source in sources],
    }


def noise(clean, n_prompt, k, tau_text, rng):
    """Interleaved documents, with one uniform number an element: κ for tokens, Eq. 28 for pictures."""
    keep, times = [], {}
    for element in clean[n_prompt:]:
        if element >= 0:
            keep.append(int(rng.bernoulli(kappa(tau_text, k))))
        else:
            tau_img = image_clock(tau_text, rng.uniform(), k)
            assert abs(tau_img) > 1e-5, "choose another seed"
            keep.append(int(tau_img >= 0))
            times[-1 - element] = min(1, tau_img)
    return noise_at(clean, n_prompt, keep, times)


def noise_pair(clean, n_prompt, k, t_text, t_images, rng):
    """Independent times (section 2.3.1): one uniform number a token, pictures are always there."""
    keep = [int(x < 0 or rng.bernoulli(kappa(t_text, k))) for x in clean[n_prompt:]]
    return noise_at(clean, n_prompt, keep, t_images)


# Losses: Eq. 4, 6, 7 for text, Eq. 9 for pictures.


def softplus(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def text_loss(pi, rate, q, bags, normaliser):
    tokens = poisson = gate = 0.0
    for i, bag in enumerate(bags):
        tokens -= sum(np.log(q[i][a]) for a in bag)  # Eq. 6
        if bag:
            poisson += rate[i] - len(bag) * np.log(rate[i])  # Eq. 4
        gate -= np.log(1 - pi[i]) if bag else np.log(pi[i])
    return {"tokens": tokens, "poisson": poisson, "gate": gate, "total": (tokens + poisson + gate) / normaliser}


class Preconditioner:
    """With σ of each coefficient and s² = t²σ² + (1-t)², the network sees Y_t / s and estimates
    Y_1 / σ by its output f, so that v = (σ·f - Y_t) / (1-t). Its loss is Eq. 9 times the square of
    (1-t) / (1 - min(t, 1/2)): 1 up to t = 1/2, and bounded after."""

    def __init__(self, std, t):
        self.std, self.t = std, t
        self.spread = np.sqrt(t**2 * std**2 + (1 - t) ** 2)

    def velocity(self, y, f):
        return (self.std * f - y) / (1 - self.t)

    def loss(self, predicted, velocity):
        weight = (1 - self.t) / (1 - min(self.t, 0.5))
        return np.square(weight * (predicted - velocity)).mean()


# One step of the sampler: Algorithms 1 and 2, and completion rounds. The order of draws is that of
# the crate's module `sample`.


def sampler_step(state, answer, options, rng):
    n_steps = options["n_steps"]
    is_round = state["step"] >= n_steps
    pi, rate = answer["zero_prob"], answer["insertion_rate"]
    # Which slots: gate and rate, both drawn for each slot; in a round, wherever π is low.
    if is_round:
        fired = [i for i, p in enumerate(pi) if p < options["open_threshold"]]
    else:
        d_hazard = 1 / (n_steps - state["step"])  # d·w(t) for κ(t) = t, t = step / n_steps
        drawn = [(rng.bernoulli(1 - p), rng.bernoulli(min(1, d_hazard * r))) for p, r in zip(pi, rate)]
        fired = [i for i, both in enumerate(drawn) if all(both) and pi[i] <= options["close_threshold"]]
    # Which tokens, from left to right.
    n_images = len(state["latents"])
    room = options["max_tokens"] - (len(state["elements"]) - n_images), options["max_images"] - n_images
    banned = [BEGIN, PROMPT_END] + ([IMAGE] if room[1] == 0 else [])
    chosen = [(i, draw_token(answer["token_logits"][i], banned, options, rng)) for i in fired]
    # Pictures that are there move: Euler, with exact times.
    for i, velocity in enumerate(answer["velocities"]):
        if state["image_steps"][i] < n_steps:
            state["latents"][i] = state["latents"][i] + velocity / n_steps
            state["image_steps"][i] += 1
    # Those that there is room for: the first of a random order, tokens before pictures.
    chosen = limit([c for c in chosen if c[1] != IMAGE], room[0], rng) + limit(
        [c for c in chosen if c[1] == IMAGE], room[1], rng
    )
    # Applied from right to left; a new picture is noise (Eq. 10).
    for slot, token in sorted(chosen, reverse=True):
        if token == IMAGE:
            token = -1 - len(state["latents"])
            state["latents"].append(np.array(rng.normals(options["latent_len"])))
            state["image_steps"].append(0)
        state["elements"].insert(slot, token)
    state["step"] += 1
    return {
        "elements": list(state["elements"]),
        "image_times": [n / n_steps for n in state["image_steps"]],
        "latents": [list(y) for y in state["latents"]],
        "t_text": [min(1, state["step"] / n_steps)],
    }


def limit(chosen, n, rng):
    if len(chosen) > n:
        for i in range(n):
            j = i + rng.below(len(chosen) - i)
            chosen[i], chosen[j] = chosen[j], chosen[i]
    return chosen[:n]


def draw_token(logits, banned, options, rng):
    """One uniform number, dealt out in the order of ids over the likeliest tokens (top-p)."""
    q = softmax(np.where(np.isin(np.arange(len(logits)), banned), -np.inf, logits) / options["temperature"])
    by_prob = np.argsort(-q)
    before = np.cumsum(q[by_prob]) - q[by_prob]
    assert np.all(abs(before - options["top_p"]) > 1e-5), "choose another seed"
    kept = np.sort(by_prob[before < options["top_p"]])
    ends = np.cumsum(q[kept]) / q[kept].sum()
    u = rng.uniform()
    assert np.all(abs(ends - u) > 1e-5), "choose another seed"
    return int(kept[np.argmax(ends > u)])


# Matrices in blocks of whole numbers (the crate's `checkpoint::blocks`).


def unpacked(words, bits):
    """Whole numbers in two's complement, packed into words of 32 bits, the first in the lowest bits."""
    words = np.asarray(words, dtype=np.uint64)
    numbers = (words[..., None] >> np.arange(0, 32, bits, dtype=np.uint64)) % 2**bits
    numbers = numbers.astype(np.int64).reshape(*words.shape[:-1], -1)
    return np.where(numbers >= 2 ** (bits - 1), numbers - 2**bits, numbers)


def from_blocks(spec, words, scales):
    """The matrix: each whole number of an output's line times the scale of its block."""
    numbers = unpacked(words, {"q8": 8, "q4": 4}[spec["format"]])
    lines = numbers * np.repeat(np.asarray(scales, dtype=np.float64), spec["block"], axis=-1)
    matrix = lines.T if spec["axis"] == 0 else lines
    assert list(matrix.shape) == spec["shape"]
    return matrix


# The network, one sequence at a time and in reading order (the crate's `model::network`).


def weight(recipe):
    """Number i is centre + scale·(2·((i³ + offset) mod 1013) / 1012 - 1): the same in any language."""
    n = recipe["shape"][0] * recipe["shape"][1]
    residues = np.array([(i**3 + recipe["offset"]) % 1013 for i in range(n)])
    return single(recipe["centre"] + recipe["scale"] * (2 * residues / 1012 - 1)).reshape(recipe["shape"])


def rms_norm(x, gain):
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6) * gain


def silu(x):
    return x * sigmoid(x)


def angles(half, place, line, column):
    """Rotary angles of a row: half of the pairs turn by its place among the elements, a quarter
    each by line and column of its patch, counted from 1 (0 for text)."""
    groups = [(half // 2, place), (half // 4, line), (half // 4, column)]
    return np.concatenate([position * 1000.0 ** (-np.arange(n) / n) for n, position in groups])


def modulations(w, t):
    """Scale and shift of a picture's rows, into the trunk and out of it."""
    frequencies = 1000.0 ** (np.arange(16) / 15)
    features = np.concatenate([np.sin(t * frequencies), np.cos(t * frequencies)])
    return np.split(silu(features @ w["time.in"]) @ w["time.out"], 4)


def forward(config, w, std, sequence):
    net, codec = config["network"], config["codec"]
    n_heads, d = net["n_heads"], net["d_model"]
    side = codec["image_px"] // codec["patch_px"]
    rows, turns, text_row, patch_rows = [], [], [], {}
    for place, element in enumerate(sequence["elements"]):
        token = element if element >= 0 else IMAGE
        segment = w["segments"][int(place >= sequence["n_prompt"])]
        rows.append(np.sqrt(d) * w["tokens"][token] + segment)
        turns.append(angles(d // n_heads // 2, place, 0, 0))
        text_row.append(len(rows) - 1)
        if element < 0:
            picture = sequence["images"][-1 - element]
            scale, shift, _, _ = modulations(w, picture["t"])
            y = picture["latents"].reshape(side**2, -1) / Preconditioner(std, picture["t"]).spread
            x = rms_norm(y @ w["adapter.in"] + w["patches"], w["adapter.norm"])
            patch_rows[-1 - element] = range(len(rows), len(rows) + side**2)
            rows.extend(x * (1 + scale) + shift)
            turns.extend(angles(d // n_heads // 2, place, 1 + p // side, 1 + p % side) for p in range(side**2))
    x, turn = np.array(rows), np.exp(1j * np.array(turns))[:, None, :]

    def heads(y):
        return y.reshape(len(y), n_heads, -1)

    def rotated(y):
        a, b = np.split(heads(y), 2, axis=2)
        z = (a + 1j * b) * turn
        return np.concatenate([z.real, z.imag], axis=2)

    for i in range(net["n_layers"]):
        block = {name.removeprefix(f"blocks.{i}."): value for name, value in w.items()}
        h = rms_norm(x, block["attention.norm"])
        q, k = rotated(h @ block["attention.query"]), rotated(h @ block["attention.key"])
        share = softmax(np.einsum("ihe,jhe->hij", q, k) / np.sqrt(d / n_heads))
        mixed = np.einsum("hij,jhe->ihe", share, heads(h @ block["attention.value"]))
        x = x + mixed.reshape(len(x), d) @ block["attention.output"]
        h = rms_norm(x, block["mlp.norm"])
        x = x + (silu(h @ block["mlp.gate"]) * (h @ block["mlp.up"])) @ block["mlp.down"]
    x = rms_norm(x, w["norm"])

    slots = x[text_row[sequence["n_prompt"] - 1 :]]
    gate = slots @ w["heads.gate"]
    outputs, velocities = [], []
    for i, picture in enumerate(sequence["images"]):
        _, _, scale, shift = modulations(w, picture["t"])
        outputs.append((x[patch_rows[i]] * (1 + scale) + shift) @ w["adapter.out"])
        y = picture["latents"].reshape(side**2, -1)
        # A finished picture is not moved any more.
        velocities.append(Preconditioner(std, picture["t"]).velocity(y, outputs[-1]) if picture["t"] < 1 else [])
    return {
        "zero_prob": sigmoid(gate[:, 0]),
        "insertion_rate": 1 + softplus(gate[:, 1]),
        "velocities": velocities,
        "gate": gate,
        "outputs": outputs,
        # The token head is the embedding again, without its factor √d.
        "token_logits": slots @ w["tokens"].T,
    }
