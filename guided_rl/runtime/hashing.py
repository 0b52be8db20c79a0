"""Content hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from guided_rl.runtime.files import file_name


def content_hash(rows: np.ndarray) -> str:
    """SHA-256 of the rows' shape and bytes."""
    digest = hashlib.sha256(repr(rows.shape).encode())
    digest.update(np.ascontiguousarray(rows).data)  # without a copy: a maze's rows are 2 GB
    return digest.hexdigest()


def named_folder(parent: Path, *names: str, content: Any) -> Path:
    """`parent/<name>__…__<hash>`, the names without what no file system takes, the hash of `content` as JSON."""
    text = json.dumps(content, sort_keys=True, default=str)
    return parent / "__".join([*map(file_name, names), hashlib.sha256(text.encode()).hexdigest()[:8]])
