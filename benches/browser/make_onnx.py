"""Writes the network of src/model/network.rs as an ONNX graph, for the benchmark beside ONNX Runtime Web.

    python3 make_onnx.py --config ../../configs/storyworld-nano.json --tokens 40 --images 3 --out FOLDER

Two files of the same sizes and the same numbers, and `ready.onnx`, which adds one number to itself and
wakes the runtime up:

    plain.onnx   standard operators only, as an exporter writes them; the runtime fuses what it can
    fused.onnx   the runtime's own operators for normalisation, rotary positions, SiLU and attention

One sequence, all sizes fixed, f32. The weights are external data at `weights.bin`, one after the
other in the order of `Network::build`; whoever opens the graph brings them. Inputs and outputs are
those of `Case` in src/model/made_up.rs.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TIME_FEATURES = 32
EPSILON = 1e-6
N_PROMPT = 10
SLOTS_PER_TOKEN = 4


class Graph:
    """Nodes and weights, as they are added."""

    def __init__(self, is_fused):
        self.is_fused = is_fused
        self.nodes = []
        self.weights = []
        self.n_weight_bytes = 0

    def weight(self, name, rows, cols, shape=None):
        """The next weight of `weights.bin`; `shape` where ONNX wants another than [rows, cols]."""
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape or [rows, cols])
        tensor.data_location = TensorProto.EXTERNAL
        size_bytes = 4 * rows * cols
        place = {"location": "weights.bin", "offset": self.n_weight_bytes, "length": size_bytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.n_weight_bytes += size_bytes
        self.weights.append(tensor)
        return name

    def constant(self, values):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values), name))
        return name

    def __call__(self, op, *inputs, name=None, domain="", **attributes):
        """Adds a node; gives the name of its output."""
        out = name or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], domain=domain, **attributes))
        return out

    def rms_norm(self, x, gain):
        if self.is_fused:
            return self("SimplifiedLayerNormalization", x, gain, axis=-1, epsilon=EPSILON)
        mean_square = self("ReduceMean", self("Mul", x, x), axes=[-1], keepdims=1)
        root = self("Sqrt", self("Add", mean_square, self.constant(np.float32(EPSILON))))
        return self("Mul", self("Div", x, root), gain)

    def silu(self, x):
        if self.is_fused:
            return self("QuickGelu", x, domain="com.microsoft", alpha=1.0)
        return self("Mul", x, self("Sigmoid", x))

    def modulate(self, x, scale, shift, n, per):
        """Rows of `x [n·per, d]` in groups of `per`, each with its row of `scale` and `shift [n, d]`."""
        groups = self("Reshape", x, self.constant([n, per, -1]))
        scale = self("Add", self("Unsqueeze", scale, self.constant([1])), self.constant(np.float32(1)))
        groups = self("Add", self("Mul", groups, scale), self("Unsqueeze", shift, self.constant([1])))
        return self("Reshape", groups, self.constant([n * per, -1]))

    def rope(self, x, n_rows, n_heads, d_head):
        """`x [n_rows, d]` with each head's halves turned; [1, n_rows, d] where fused, else [h, n_rows, d_head]."""
        if self.is_fused:
            x = self("Unsqueeze", x, self.constant([0]))
            positions = self.constant(np.arange(n_rows, dtype=np.int64)[None])
            return self("RotaryEmbedding", x, positions, "cos", "sin", domain="com.microsoft", num_heads=n_heads)
        a, b = self.split(self.heads(x, n_rows, n_heads, d_head), 2, axis=-1)
        turned_a = self("Sub", self("Mul", a, "cos"), self("Mul", b, "sin"))
        turned_b = self("Add", self("Mul", a, "sin"), self("Mul", b, "cos"))
        return self("Concat", turned_a, turned_b, axis=-1)

    def heads(self, x, n_rows, n_heads, d_head):
        return self("Transpose", self("Reshape", x, self.constant([n_rows, n_heads, d_head])), perm=[1, 0, 2])

    def split(self, x, n, axis):
        names = [f"x{len(self.nodes)}_{i}" for i in range(n)]
        # A node without `num_outputs` splits evenly, by the number of its outputs.
        self.nodes.append(helper.make_node("Split", [x], names, axis=axis))
        return names

    def attention(self, q, k, v, n_rows, n_heads, d_head):
        if self.is_fused:
            v = self("Unsqueeze", v, self.constant([0]))
            bias = self("Expand", "key_bias", self.constant([1, 1, n_rows, n_rows]))
            mixed = self("MultiHeadAttention", q, k, v, "", "", bias, domain="com.microsoft", num_heads=n_heads)
            return self("Squeeze", mixed, self.constant([0]))
        v = self.heads(v, n_rows, n_heads, d_head)
        q = self("Mul", q, self.constant(np.float32(d_head**-0.5)))
        scores = self("Add", self("MatMul", q, self("Transpose", k, perm=[0, 2, 1])), "key_bias")
        mixed = self("MatMul", self("Softmax", scores, axis=-1), v)
        return self("Reshape", self("Transpose", mixed, perm=[1, 0, 2]), self.constant([n_rows, -1]))


def build(config, n_tokens, n_images, is_fused):
    net, codec = config["network"], config["codec"]
    d, n_heads, vocab_size = net["d_model"], net["n_heads"], net["vocab_size"]
    d_head = d // n_heads
    n_patches = (codec["image_px"] // codec["patch_px"]) ** 2
    n_coefs = codec["n_coefs"]
    n_image_rows = n_images * n_patches
    # A picture has a text row, too.
    n_text_rows = n_tokens + n_images
    n_rows = n_text_rows + n_image_rows
    n_slots = 1 + max(n_tokens - N_PROMPT, 0) + n_images
    n_token_slots = -(-n_slots // SLOTS_PER_TOKEN)

    g = Graph(is_fused)
    gain_shape = [d]
    tokens = g.weight("tokens_table", vocab_size, d)
    segments = g.weight("segments_table", 2, d)
    patches = g.weight("patches", n_patches, d)
    adapter_in = g.weight("adapter.in", n_coefs, d)
    adapter_norm = g.weight("adapter.norm", 1, d, gain_shape)
    adapter_out = g.weight("adapter.out", d, n_coefs)
    time_in = g.weight("time.in", TIME_FEATURES, d)
    time_out = g.weight("time.out", d, 4 * d)
    blocks = [
        {
            "attention_norm": g.weight(f"blocks.{i}.attention.norm", 1, d, gain_shape),
            "query": g.weight(f"blocks.{i}.attention.query", d, d),
            "key": g.weight(f"blocks.{i}.attention.key", d, d),
            "value": g.weight(f"blocks.{i}.attention.value", d, d),
            "output": g.weight(f"blocks.{i}.attention.output", d, d),
            "mlp_norm": g.weight(f"blocks.{i}.mlp.norm", 1, d, gain_shape),
            "mlp_gate": g.weight(f"blocks.{i}.mlp.gate", d, net["d_mlp"]),
            "mlp_up": g.weight(f"blocks.{i}.mlp.up", d, net["d_mlp"]),
            "mlp_down": g.weight(f"blocks.{i}.mlp.down", net["d_mlp"], d),
        }
        for i in range(net["n_layers"])
    ]
    norm = g.weight("norm", 1, d, gain_shape)
    gate = g.weight("heads.gate", d, 2)

    # Text in, pictures in.
    text = g("Mul", g("Gather", tokens, "tokens", axis=0), g.constant(np.float32(d**0.5)))
    text = g("Add", text, g("Gather", segments, "segments", axis=0))
    time = g("MatMul", g.silu(g("MatMul", "time_features", time_in)), time_out)
    scale_in, shift_in, scale_out, shift_out = g.split(time, 4, axis=1)
    rows = g("Reshape", g("MatMul", "latents", adapter_in), g.constant([n_images, n_patches, d]))
    rows = g("Reshape", g("Add", rows, patches), g.constant([n_image_rows, d]))
    rows = g.modulate(g.rms_norm(rows, adapter_norm), scale_in, shift_in, n_images, n_patches)
    x = g("Concat", text, rows, axis=0)

    for block in blocks:
        h = g.rms_norm(x, block["attention_norm"])
        q = g.rope(g("MatMul", h, block["query"]), n_rows, n_heads, d_head)
        k = g.rope(g("MatMul", h, block["key"]), n_rows, n_heads, d_head)
        mixed = g.attention(q, k, g("MatMul", h, block["value"]), n_rows, n_heads, d_head)
        x = g("Add", x, g("MatMul", mixed, block["output"]))
        h = g.rms_norm(x, block["mlp_norm"])
        h = g("Mul", g.silu(g("MatMul", h, block["mlp_gate"])), g("MatMul", h, block["mlp_up"]))
        x = g("Add", x, g("MatMul", h, block["mlp_down"]))

    # The heads.
    x = g.rms_norm(x, norm)
    slots = g("Gather", x, "slot_rows", axis=0)
    g("MatMul", slots, gate, name="gate")
    logits = g("Transpose", tokens, perm=[1, 0])
    g("MatMul", g("Gather", slots, "token_slots", axis=0), logits, name="token_logits")
    rows = g("Slice", x, g.constant([n_text_rows]), g.constant([n_rows]), g.constant([0]))
    rows = g.modulate(rows, scale_out, shift_out, n_images, n_patches)
    g("MatMul", rows, adapter_out, name="images")

    real, whole = TensorProto.FLOAT, TensorProto.INT32
    value = helper.make_tensor_value_info
    inputs = [
        value("tokens", whole, [n_text_rows]),
        value("segments", whole, [n_text_rows]),
        value("latents", real, [n_image_rows, n_coefs]),
        value("time_features", real, [n_images, TIME_FEATURES]),
        value("cos", real, [n_rows, d_head // 2]),
        value("sin", real, [n_rows, d_head // 2]),
        value("key_bias", real, [1, n_rows]),
        value("slot_rows", whole, [n_slots]),
        value("token_slots", whole, [n_token_slots]),
    ]
    outputs = [
        value("gate", real, [n_slots, 2]),
        value("images", real, [n_image_rows, n_coefs]),
        value("token_logits", real, [n_token_slots, vocab_size]),
    ]
    graph = helper.make_graph(g.nodes, "oneflow", inputs, outputs, initializer=g.weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def nothing():
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "ready", value[:1], value[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="a training configuration or a config.json")
    parser.add_argument("--tokens", type=int, required=True, help="tokens of the sequence")
    parser.add_argument("--images", type=int, required=True, help="pictures of the sequence, at least 1")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    args = parser.parse_args()
    config = json.loads(args.config.read_text())
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ["plain", "fused"]:
        model = build(config.get("model", config), args.tokens, args.images, is_fused=name == "fused")
        onnx.save(model, str(args.out / f"{name}.onnx"))
    onnx.save(nothing(), str(args.out / "ready.onnx"))


if __name__ == "__main__":
    main()
