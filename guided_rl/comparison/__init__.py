"""Does guidance help on a task of one's own? Methods trained side by side, or records read, and judged."""

from guided_rl.comparison.compare import Comparison, compare

__all__ = ["Comparison", "compare"]
