"""Which runs answer which paper, and what they say: one room per paper, what runs cells, claims, reports, speed."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""
