"""A Python function as an XLA custom call on CPU, through the FFI's C ABI and ctypes.

`jax.pure_callback` would do the same work, but JAX never writes a program with host
callbacks to its persistent compile cache. A named FFI target is cached like any other.
The structures below transcribe the calling convention that jaxlib ships in
`xla/ffi/api/c_api.h`; the handler answers the runtime's metadata query with the API
version it finds there at run time.
"""

from __future__ import annotations

import ctypes as ct
from collections.abc import Callable

import jax
import numpy as np

_EXECUTE, _METADATA = 3, 1
_INTERNAL_ERROR = 13
_DTYPES = {1: np.bool_, 4: np.int32, 8: np.uint32, 5: np.int64, 9: np.uint64, 11: np.float32, 12: np.float64}
_ELEMENT = {code: np.ctypeslib.as_ctypes_type(np.dtype(d)) for code, d in _DTYPES.items()}


class _Extension(ct.Structure):
    pass


_Extension._fields_ = [("size", ct.c_size_t), ("type", ct.c_int), ("next", ct.POINTER(_Extension))]


class _ApiVersion(ct.Structure):
    _fields_ = [("size", ct.c_size_t), ("extension", ct.c_void_p), ("major", ct.c_int), ("minor", ct.c_int)]


class _Metadata(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("api_version", _ApiVersion),
        ("traits", ct.c_uint32),
        ("state_type", ct.c_int64),
    ]


class _MetadataExtension(ct.Structure):
    _fields_ = [("base", _Extension), ("metadata", ct.POINTER(_Metadata))]


class _ErrorCreateArgs(ct.Structure):
    _fields_ = [("size", ct.c_size_t), ("extension", ct.c_void_p), ("message", ct.c_char_p), ("code", ct.c_int)]


class _Api(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("extension", ct.c_void_p),
        ("version", _ApiVersion),
        ("internal", ct.c_void_p),
        ("error_create", ct.CFUNCTYPE(ct.c_void_p, ct.POINTER(_ErrorCreateArgs))),
    ]


class _Buffer(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("extension", ct.c_void_p),
        ("dtype", ct.c_int),
        ("data", ct.c_void_p),
        ("rank", ct.c_int64),
        ("dims", ct.POINTER(ct.c_int64)),
    ]


class _Buffers(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("extension", ct.c_void_p),
        ("count", ct.c_int64),
        ("types", ct.c_void_p),
        ("items", ct.POINTER(ct.POINTER(_Buffer))),
    ]


class _Scalar(ct.Structure):
    _fields_ = [("dtype", ct.c_int), ("value", ct.POINTER(ct.c_int64))]


class _Attributes(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("extension", ct.c_void_p),
        ("count", ct.c_int64),
        ("types", ct.c_void_p),
        ("names", ct.c_void_p),
        ("items", ct.POINTER(ct.POINTER(_Scalar))),
    ]


class _CallFrame(ct.Structure):
    _fields_ = [
        ("size", ct.c_size_t),
        ("extension", ct.POINTER(_Extension)),
        ("api", ct.POINTER(_Api)),
        ("context", ct.c_void_p),
        ("stage", ct.c_int),
        ("args", _Buffers),
        ("rets", _Buffers),
        ("attributes", _Attributes),
        ("future", ct.c_void_p),
    ]


_Handler = ct.CFUNCTYPE(ct.c_void_p, ct.POINTER(_CallFrame))
_registered: dict[str, object] = {}


def _array(buffer: _Buffer) -> np.ndarray:
    """A NumPy view of one operand or result; no copy."""
    shape = buffer.dims[: buffer.rank]
    size = int(np.prod(shape)) if shape else 1
    return np.frombuffer((_ELEMENT[buffer.dtype] * size).from_address(buffer.data), _DTYPES[buffer.dtype]).reshape(
        shape
    )


def register(name: str, function: Callable[[int, list[np.ndarray], list[np.ndarray]], None]) -> None:
    """Make `function(key, inputs, outputs)` the CPU target `name`, once per process.

    `key` is the call's single int64 attribute; `outputs` are views to be filled in place.
    An exception becomes an XLA error that carries its message.
    """
    if name in _registered:
        return

    def handle(frame_pointer) -> int | None:
        frame = frame_pointer[0]
        extension = frame.extension
        if extension and extension[0].type == _METADATA:
            metadata = ct.cast(extension, ct.POINTER(_MetadataExtension))[0].metadata[0]
            metadata.api_version.major = frame.api[0].version.major
            metadata.api_version.minor = frame.api[0].version.minor
            return None
        if frame.stage != _EXECUTE:
            return None
        try:
            inputs = [_array(frame.args.items[i][0]) for i in range(frame.args.count)]
            outputs = [_array(frame.rets.items[i][0]) for i in range(frame.rets.count)]
            function(frame.attributes.items[0][0].value[0], inputs, outputs)
            return None
        except BaseException as error:  # nothing may cross the C boundary
            message = f"{name}: {type(error).__name__}: {error}".encode()
            args = _ErrorCreateArgs(ct.sizeof(_ErrorCreateArgs), None, message, _INTERNAL_ERROR)
            return frame.api[0].error_create(ct.byref(args))

    handler = _Handler(handle)
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")
    _registered[name] = handler
