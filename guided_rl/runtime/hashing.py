"""Content hashes."""

from __future__ import annotations

import hashlib

import numpy as np


def content_hash(rows: np.ndarray) -> str:
    """SHA-256 of the rows' shape and bytes."""
    digest = hashlib.sha256(repr(rows.shape).encode())
    digest.update(np.ascontiguousarray(rows).data)  # without a copy: a maze's rows are 2 GB
    return digest.hexdigest()
