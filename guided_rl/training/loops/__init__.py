"""How steps and updates take turns, a module for each loop that a method may ask for.

Each has an `advance(trainer, population, totals, inputs, steps)`, traced inside the chunk's program.
"""

from __future__ import annotations

from guided_rl.methods.base import Offline, OffPolicy, OnPolicy, Planning
from guided_rl.training.loops import off_policy, offline, on_policy, planning

ADVANCE = {
    OffPolicy: off_policy.env_steps_and_updates,
    Offline: offline.offline_updates,
    OnPolicy: on_policy.group_updates,
    Planning: planning.planning_rounds,
}
