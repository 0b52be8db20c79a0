"""A Python function as an XLA custom call on CPU, through the FFI's C ABI and ctypes.

`jax.pure_callback` would do the same work, but JAX never writes a program with host
callbacks to its persistent compile cache. A named FFI target is cached like any other.
The structures below transcribe the calling convention that jaxlib ships in
`xla/ffi/api/c_api.h`; the handler answers the runtime's metadata query with the API
version it finds there at run time.
"""

from __future__ import annotations

import ctypes as ct
import functools
import struct
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

_EXECUTE, _METADATA = 3, 1
_INTERNAL_ERROR = 13
_DTYPES = {1: np.bool_, 4: np.int32, 8: np.uint32, 5: np.int64, 9: np.uint64, 11: np.float32, 12: np.float64}
_ELEMENT = {code: np.ctypeslib.as_ctypes_type(np.dtype(d)) for code, d in _DTYPES.items()}

# These are read on every call, so as `struct` formats: walking ctypes structures takes three times as long.
_BUFFER = struct.Struct("@NPiPqP")  # size, extension, dtype, data, rank, dims
_BUFFERS = "NPqPP"  # size, extension, count, types, items
_ATTRIBUTES = "NPqPPP"  # size, extension, count, types, names, items
_FRAME = struct.Struct(f"@NPPPi{_BUFFERS}{_BUFFERS}{_ATTRIBUTES}")  # size, extension, api, context, stage, ...
_SCALAR = struct.Struct("@iP")  # dtype, value
_POINTER, _INT64 = struct.Struct("@P"), struct.Struct("@q")


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


_Handler = ct.CFUNCTYPE(ct.c_void_p, ct.c_void_p)
_registered: dict[str, object] = {}


@functools.lru_cache(maxsize=4096)
def _view(data: int, dtype: int, shape: tuple[int, ...]) -> np.ndarray:
    """A NumPy view of one operand or result; no copy. XLA hands out few addresses, again and again."""
    size = int(np.prod(shape, dtype=np.int64))
    memory: Any = (_ELEMENT[dtype] * size).from_address(data)
    return np.frombuffer(memory, _DTYPES[dtype]).reshape(shape)


def _read(form: struct.Struct, address: int) -> tuple:
    return form.unpack(ct.string_at(address, form.size))


def _row(code: str, count: int, address: int) -> tuple[int, ...]:
    return struct.unpack(f"@{count}{code}", ct.string_at(address, 8 * count))


def _views(buffers: list[int]) -> list[np.ndarray]:
    """The arrays of all operands or results; the same memory gives the same object."""
    _, _, count, _, items = buffers
    views = []
    for item in _row("P", count, items):
        _, _, dtype, data, rank, dims = _read(_BUFFER, item)
        views.append(_view(data, dtype, _row("q", rank, dims)))
    return views


def _key(attributes: list[int]) -> int:
    """The first attribute, an int64 scalar."""
    (item,) = _read(_POINTER, attributes[-1])
    return _read(_INT64, _read(_SCALAR, item)[1])[0]


def register(name: str, function: Callable[[int, list[np.ndarray], list[np.ndarray]], None]) -> None:
    """Make `function(key, inputs, outputs)` the CPU target `name`, once per process.

    `key` is the call's single int64 attribute; `outputs` are views to be filled in place, and
    the very object of an input where XLA lets the two share memory. An exception becomes an
    XLA error that carries its message. Calls may come from several threads at once.
    """
    if name in _registered:
        return

    def handle(pointer: int) -> int | None:
        _, extension, api, _, stage, *rest = _read(_FRAME, pointer)
        if extension and _Extension.from_address(extension).type == _METADATA:
            _answer(_Api.from_address(api), _MetadataExtension.from_address(extension).metadata[0])
            return None
        if stage != _EXECUTE:
            return None
        try:
            function(_key(rest[10:]), _views(rest[:5]), _views(rest[5:10]))
            return None
        except BaseException as error:  # nothing may cross the C boundary
            message = f"{name}: {type(error).__name__}: {error}".encode()
            args = _ErrorCreateArgs(ct.sizeof(_ErrorCreateArgs), None, message, _INTERNAL_ERROR)
            return _Api.from_address(api).error_create(ct.byref(args))

    handler = _Handler(handle)
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")
    _registered[name] = handler


def _answer(api: _Api, metadata: _Metadata) -> None:
    """The runtime asks which version of the convention we speak: its own."""
    metadata.api_version.major = api.version.major
    metadata.api_version.minor = api.version.minor
