"""Writes a .tflite file operator by operator, with the schema that ai-edge-litert carries."""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.runtime import Array

TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}


class Writer:
    """One graph, built from its input on; every method gives the number of the tensor that it added."""

    def __init__(self, description: str) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.description = description
        self._model.buffers = [schema.BufferT()]
        self._model.operatorCodes = []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []

    def value(self, name: str, shape: Sequence[int]) -> int:
        """A tensor of 32-bit floats that is computed, or put in."""
        return self._tensor(name, shape, schema.TensorType.FLOAT32, 0)

    def constant(self, name: str, array: Array) -> int:
        """A tensor that is stored as it is."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return self._tensor(name, array.shape, TYPES[array.dtype], len(self._model.buffers) - 1)

    def half(self, name: str, array: Array) -> int:
        """A constant stored in 16 bits and computed with in 32."""
        stored = self.constant(f"{name}_fp16", array.astype(np.float16))
        return self._unpacked(name, stored, array.shape)

    def eighth(self, name: str, array: Array) -> int:
        """The same in 8 bits, with a scale for each of the first dimension."""
        scales = np.abs(array).reshape(len(array), -1).max(axis=1) / 127
        scales = np.maximum(scales, np.finfo(np.float32).tiny).astype(np.float32)
        steps = np.rint(array / scales.reshape(-1, *[1] * (array.ndim - 1)))
        stored = self.constant(f"{name}_int8", np.clip(steps, -127, 127).astype(np.int8))
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = scales, np.zeros(len(scales), np.int64)
        quantization.quantizedDimension = 0
        self._graph.tensors[stored].quantization = quantization
        return self._unpacked(name, stored, array.shape)

    def int8(self, name: str, array: Array) -> int:
        """A constant of whole numbers from -127 to 127 that a hybrid operator takes as it is, scale 1."""
        stored = self.constant(name, array.astype(np.int8))
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = np.ones(1, np.float32), np.zeros(1, np.int64)
        self._graph.tensors[stored].quantization = quantization
        return stored

    def operator(
        self, name: str, inputs: Sequence[int], output: tuple[str, Sequence[int]], options: Any = None
    ) -> int:
        """An operator of the schema, such as CONV_2D, and the one value that it computes."""
        result = self.value(*output)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(schema.BuiltinOperator, name))
        operator.inputs, operator.outputs = list(inputs), [result]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self._graph.operators.append(operator)
        return result

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file."""
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)
        self._model.subgraphs = [self._graph]
        builder = flatbuffers.Builder()
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _unpacked(self, name: str, stored: int, shape: Sequence[int]) -> int:
        return self.operator("DEQUANTIZE", [stored], (name, shape), schema.DequantizeOptionsT())

    def _tensor(self, name: str, shape: Sequence[int], kind: int, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, buffer
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _code(self, builtin: int) -> int:
        for number, known in enumerate(self._model.operatorCodes):
            if known.builtinCode == builtin:
                return number
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1
