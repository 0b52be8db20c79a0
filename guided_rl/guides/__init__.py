"""Where advice comes from."""

from __future__ import annotations

from guided_rl.guides.base import Guide, panel_of
from guided_rl.guides.find import find_guide

__all__ = ["Guide", "find_guide", "panel_of"]
