"""Builds a .tflite of one RELU, with the schema that the runtime itself carries."""

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def tiny_model(*, batch: int = 1, width: int = 4, shape: tuple[int, ...] | None = None) -> bytes:
    """A model that sets what is below zero to zero; `batch` -1 takes any number of rows."""
    signature = list(shape or (batch, width))
    model = schema.ModelT()
    model.version = 3
    model.description = "relu"
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    model.operatorCodes = [code]
    graph = schema.SubGraphT()
    graph.tensors = []
    for name in ("values", "rectified"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, [max(length, 1) for length in signature], 0
        tensor.shapeSignature = signature
        tensor.type = schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [1]
    model.subgraphs, model.buffers = [graph], [schema.BufferT()]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
