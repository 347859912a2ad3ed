"""The network of `src/model/network.rs` in PyTorch: the same weights by the same names, the same numbers.

Shapes: `b` sequences, `s_t` text rows and `m` pictures of a sequence, `p` patches of a picture, `k` coefficients
of a patch, `d` = `d_model`. Sequences are padded; masks say what is there.
"""

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Sine and cosine features of a picture's time.
TIME_FEATURES = 32


@dataclass
class Input:
    """A batch as the network takes it (`process.collate` makes it)."""

    #: Token ids, the image token for a picture `[b, s_t]`.
    tokens: Tensor
    #: 0 for the prompt, 1 for the response `[b, s_t]`.
    segments: Tensor
    #: Whether the row is there `[b, s_t]`.
    has_text: Tensor
    #: Latents at their time `[b, m, p, k]`.
    latents: Tensor
    #: Their times in [0, 1] `[b, m]`.
    times: Tensor
    #: The place of each picture among the elements `[b, m]`.
    places: Tensor
    #: Whether the picture is there `[b, m]`.
    has_image: Tensor
    #: The left element of each slot as `sequence · s_t + place` `[n_slots]`.
    slots: Tensor
    #: The slots whose token logits are asked for, as numbers of `slots` `[n_asked]`.
    asked: Tensor

    def to(self, device) -> "Input":
        return type(self)(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


@dataclass
class Output:
    """What the heads say, as raw numbers."""

    #: The logit of π, and the λ head before λ = 1 + softplus(·) `[n_slots, 2]`.
    gate: Tensor
    #: Token logits of the slots that were asked for `[n_asked, vocab_size]`.
    token_logits: Tensor
    #: The estimate f of the clean latents in units of σ `[b, m, p, k]`.
    images: Tensor

    def zero_prob(self) -> Tensor:
        return torch.sigmoid(self.gate[:, 0])

    def insertion_rate(self) -> Tensor:
        return 1 + F.softplus(self.gate[:, 1])


class Preconditioner:
    """Scales of latents at time t: with σ of each coefficient and s² = t²σ² + (1-t)², the network sees y/s and
    estimates y₁/σ by its output f, so that v = (σ·f - y) / (1-t)."""

    #: The loss on the clean latents grows by 1/(1-t)² up to this time only.
    LOSS_TIME = 0.5

    def __init__(self, std: Tensor):
        self.std = std

    def input(self, latents: Tensor, times: Tensor) -> Tensor:
        t = times[..., None, None]
        return latents / torch.sqrt((t * self.std) ** 2 + (1 - t) ** 2)

    def velocity(self, latents: Tensor, images: Tensor, times: Tensor) -> Tensor:
        return (self.std * images - latents) / (1 - times[..., None, None])

    def factor(self, times: Tensor) -> Tensor:
        """Of an error of f in the loss: that of the velocity up to `LOSS_TIME`."""
        return self.std / (1 - times[..., None, None].clamp(max=self.LOSS_TIME))


def normal(rows: int, cols: int, std: float) -> nn.Parameter:
    return nn.Parameter(std * torch.randn(rows, cols))


def fan(rows: int, cols: int) -> nn.Parameter:
    return normal(rows, cols, rows**-0.5)


def gain(d: int) -> nn.Parameter:
    return nn.Parameter(torch.ones(1, d))


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], eps=1e-6) * weight[0]


def angles(place: Tensor, line: Tensor, column: Tensor, half: int) -> Tensor:
    """Rotary angles `[…, half]`: half of the pairs turn by the place among the elements, a quarter each by line
    and column of a patch, counted from 1 (0 for text)."""

    def turn(position: Tensor, n: int) -> Tensor:
        frequencies = 1000.0 ** (-torch.arange(n, device=position.device, dtype=torch.float32) / n)
        return position[..., None].float() * frequencies

    return torch.cat([turn(place, half // 2), turn(line, half // 4), turn(column, half // 4)], dim=-1)


class Block(nn.Module):
    """Attention and a gated MLP, each after a norm and added to its input."""

    def __init__(self, d: int, d_mlp: int, n_heads: int, n_layers: int):
        super().__init__()
        self.n_heads = n_heads
        value = fan(d, d)
        # Attending to a token at first speaks for that same token (`Init::Copying`).
        output = nn.Parameter(((0.5 / n_layers) ** 0.5 * value.detach().T).contiguous())
        self.attention = nn.ParameterDict(
            {"norm": gain(d), "query": fan(d, d), "key": fan(d, d), "value": value, "output": output}
        )
        down = normal(d_mlp, d, (0.5 / (d_mlp * n_layers)) ** 0.5)
        self.mlp = nn.ParameterDict({"norm": gain(d), "gate": fan(d, d_mlp), "up": fan(d, d_mlp), "down": down})

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """`x [b, s, d]`, `cos` and `sin` `[b, 1, s, half]`, `mask [b, 1, 1, s]`: true where a row is there."""
        b, s, d = x.shape

        def heads(y: Tensor) -> Tensor:
            return y.view(b, s, self.n_heads, -1).transpose(1, 2)

        def turned(y: Tensor) -> Tensor:
            first, second = heads(y).chunk(2, dim=-1)
            return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1).to(y.dtype)

        w = self.attention
        h = rms_norm(x, w["norm"])
        query, key, value = turned(h @ w["query"]), turned(h @ w["key"]), heads(h @ w["value"])
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + mixed.transpose(1, 2).reshape(b, s, d) @ w["output"]
        w = self.mlp
        h = rms_norm(x, w["norm"])
        return x + (F.silu(h @ w["gate"]) * (h @ w["up"])) @ w["down"]


class OneFlow(nn.Module):
    """The network. `config` is the `config.json` of a model, `std` the `codec.std` of its codec."""

    def __init__(self, config: dict, std: Tensor):
        super().__init__()
        net, codec = config["network"], config["codec"]
        d, k, n_layers = net["d_model"], codec["n_coefs"], net["n_layers"]
        self.d, self.half = d, d // net["n_heads"] // 2
        self.side = codec["image_px"] // codec["patch_px"]
        self.register_buffer("std", std, persistent=False)
        self.tokens = normal(net["vocab_size"], d, d**-0.5)
        self.segments = normal(2, d, 0.3)
        self.patches = normal(self.side**2, d, 0.5)
        out = nn.Parameter(torch.zeros(d, k))
        self.adapter = nn.ParameterDict({"in": fan(k, d), "norm": gain(d), "out": out})
        self.time = nn.ParameterDict({"in": fan(TIME_FEATURES, d), "out": normal(d, 4 * d, 0.02)})
        self.blocks = nn.ModuleList([Block(d, net["d_mlp"], net["n_heads"], n_layers) for _ in range(n_layers)])
        self.norm = gain(d)
        self.heads = nn.ParameterDict({"gate": normal(d, 2, 0.02)})

    def forward(self, batch: Input) -> Output:
        b, s_t = batch.tokens.shape
        m, p = batch.places.shape[1], self.side**2
        text = math.sqrt(self.d) * self.tokens[batch.tokens] + self.segments[batch.segments]
        in_scale, in_shift, out_scale, out_shift = self.modulations(batch.times)
        images = Preconditioner(self.std).input(batch.latents, batch.times).to(text.dtype) @ self.adapter["in"]
        images = rms_norm(images + self.patches, self.adapter["norm"]) * (1 + in_scale) + in_shift
        # Attention has no order of its own: text first, pictures after; the angles carry the order.
        x = torch.cat([text, images.reshape(b, m * p, self.d)], dim=1)
        turn = self.turns(batch)[:, None]
        has = torch.cat([batch.has_text, batch.has_image.repeat_interleave(p, dim=1)], dim=1)
        cos, sin = turn.cos(), turn.sin()
        for block in self.blocks:
            x = block(x, cos, sin, has[:, None, None])
        x = rms_norm(x, self.norm)
        slots = x[:, :s_t].reshape(b * s_t, self.d)[batch.slots]
        images = x[:, s_t:].reshape(b, m, p, self.d) * (1 + out_scale) + out_shift
        return Output(
            gate=(slots @ self.heads["gate"]).float(),
            # The token head is the embedding again, without its factor √d.
            token_logits=(slots[batch.asked] @ self.tokens.T).float(),
            images=(images @ self.adapter["out"]).float(),
        )

    def modulations(self, times: Tensor) -> tuple[Tensor, ...]:
        """Scale and shift of each picture's rows into the trunk, and out of it; each `[b, m, 1, d]`."""
        n = TIME_FEATURES // 2
        angle = times[..., None] * 1000.0 ** (torch.arange(n, device=times.device) / (n - 1))
        features = torch.cat([angle.sin(), angle.cos()], dim=-1).to(self.time["in"].dtype)
        return (F.silu(features @ self.time["in"]) @ self.time["out"])[:, :, None].chunk(4, dim=-1)

    def turns(self, batch: Input) -> Tensor:
        """Rotary angles of all rows `[b, s, half]`."""
        (b, s_t), m, p = batch.tokens.shape, batch.places.shape[1], self.side**2
        place = torch.arange(s_t, device=batch.tokens.device).expand(b, s_t)
        nought = torch.zeros_like(place)
        patch = torch.arange(p, device=batch.tokens.device).expand(b, m, p).reshape(b, m * p)
        of_patch = batch.places.repeat_interleave(p, dim=1), 1 + patch // self.side, 1 + patch % self.side
        return torch.cat([angles(place, nought, nought, self.half), angles(*of_patch, self.half)], dim=1)
