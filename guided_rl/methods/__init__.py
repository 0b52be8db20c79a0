"""Methods by name. A user's own method is `path/to/file.py:NAME`, a `Method` or a function returning one."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from guided_rl.methods.base import Method, OffPolicy
from guided_rl.methods.bases.awac import AWAC, AWAC_OFFLINE
from guided_rl.methods.bases.cql import cql_offline
from guided_rl.methods.bases.demonstrations import (
    BC,
    BC_FINETUNE,
    BC_FINETUNE_DISCRETE,
    DEMOS,
    DEMOS_DISCRETE,
    demos_dqn,
)
from guided_rl.methods.bases.dqn import dqn
from guided_rl.methods.bases.grpo import grpo
from guided_rl.methods.bases.iql import IQL, IQL_OFFLINE
from guided_rl.methods.bases.sac import SAC
from guided_rl.methods.bases.sac_discrete import SAC_DISCRETE
from guided_rl.methods.bases.td3 import TD3
from guided_rl.methods.bases.td3_bc import TD3_BC
from guided_rl.methods.dai.dai import dai
from guided_rl.methods.dai.dai_discrete import dai_dqn, dai_sac_discrete
from guided_rl.methods.dai.experts_dai import experts_dai
from guided_rl.methods.dai.progress_dai import progress_dai
from guided_rl.methods.entropy_gate.mentor_control import mentor_control
from guided_rl.methods.hparams import HParam
from guided_rl.methods.local_guides.learned_sag import LEARNED_SAG
from guided_rl.methods.local_guides.pag import pag
from guided_rl.methods.local_guides.pag_text import pag_text
from guided_rl.methods.local_guides.pig import PIG
from guided_rl.methods.local_guides.rg import RG
from guided_rl.methods.local_guides.sag import sag
from guided_rl.methods.observations.balanced_eo import balanced_eo
from guided_rl.methods.observations.diiqn import diiqn
from guided_rl.methods.observations.gaifo import GAIFO, GAIFO_DISCRETE
from guided_rl.methods.observations.ha_diiqn import ha_diiqn
from guided_rl.methods.observations.modified_bco import modified_bco
from guided_rl.methods.observations.sac_eo import sac_eo
from guided_rl.methods.offline_to_online.off2on import off2on
from guided_rl.methods.offline_to_online.transfer import BUFFER, DIRECT, JSRL
from guided_rl.methods.policy_expansion.pex import adaptive_pex, pex
from guided_rl.methods.policy_expansion.pex_sac import pex_sac
from guided_rl.methods.reward_robust.baselines import APPRENTICESHIP, CLONING, NAIVE
from guided_rl.methods.reward_robust.follow_the_leader import reward_robust
from guided_rl.methods.sample_weights.gorl import gorl_style
from guided_rl.methods.sample_weights.gorl_iql import gorl_iql
from guided_rl.methods.start_states.baselines import fixed_prefix, resets, sft, sft_grpo, uniform_resets, whole_trace
from guided_rl.methods.start_states.bread import bread
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.runtime.plugin_loader import is_plugin, load

METHODS: dict[str, Method | Callable[..., Method]] = {
    "sac": SAC,
    "td3": TD3,
    "dai-sac": functools.partial(dai, SAC),
    "dai-td3": functools.partial(dai, TD3),
    "step-dai-sac": functools.partial(dai, SAC, schedule="step"),
    "progress-dai-sac": functools.partial(progress_dai, SAC),
    "experts-dai-sac": functools.partial(experts_dai, SAC),
    "bc": BC,
    "bc-finetune-sac": BC_FINETUNE,
    "demos-sac": DEMOS,
    "sag": sag,
    "naive-sag": functools.partial(sag, target="theta"),
    "pig": PIG,
    "pag": pag,
    "pag-text": pag_text,
    "rg": RG,
    "learned-sag": LEARNED_SAG,
    "iql-offline": IQL_OFFLINE,
    "iql": IQL,
    "buffer": BUFFER,
    "direct": DIRECT,
    "jsrl": JSRL,
    "awac-offline": AWAC_OFFLINE,
    "awac": AWAC,
    "cql-offline": cql_offline,
    "off2on": off2on,
    "pex": pex,
    "pex-sac": pex_sac,
    "adaptive-pex": adaptive_pex,
    "sac-eo": sac_eo,
    "modified-bco": modified_bco,
    "balanced-eo": balanced_eo,
    "gaifo-sac": GAIFO,
    "grpo": grpo,
    "bread": bread,
    "uniform-resets": uniform_resets,
    "fixed-prefix": fixed_prefix,
    "whole-trace": whole_trace,
    "sft": sft,
    "sft-grpo": sft_grpo,
    "sac-resets": functools.partial(resets, SAC),
    "dqn-resets": functools.partial(resets, dqn()),
    "sac-discrete-resets": functools.partial(resets, SAC_DISCRETE),
    "mentor-control": mentor_control,
    "td3-bc": TD3_BC,
    "gorl-style": gorl_style,
    "gorl-style-iql": gorl_iql,
    "reward-robust": reward_robust,
    "naive-planning": NAIVE,
    "cloning-planning": CLONING,
    "apprenticeship": APPRENTICESHIP,
    "dqn": dqn,
    "sac-discrete": SAC_DISCRETE,
    "dai-dqn": dai_dqn,
    "dai-sac-discrete": dai_sac_discrete,
    "bc-finetune-sac-discrete": BC_FINETUNE_DISCRETE,
    "demos-dqn": demos_dqn,
    "demos-sac-discrete": DEMOS_DISCRETE,
    "diiqn": diiqn,
    "ha-diiqn": ha_diiqn,
    "gaifo-sac-discrete": GAIFO_DISCRETE,
}

COMMON = {"random_warmup": False}  # switches that every off-policy method has, as fields of its `loop`

__all__ = ["METHODS", "HParam", "Method", "build", "switches"]


def build(name: str, options: Mapping[str, Any] | None = None) -> Method:
    """The method `name` with its static switches set to `options`.

    Raises:
      UserError: unknown method or switch, or a value the switch does not take.
    """
    entry, known = _entry(name)
    options = dict(options or {})
    takes = [*known, *(name for name in COMMON if name not in known)]
    for option, value in options.items():
        if option not in takes:
            raise unknown_name(f"switch of method {name!r}", option, takes)
        default = known[option].default if option in known else COMMON[option]
        if isinstance(default, bool) and not isinstance(value, bool):
            raise UserError(f"switch {option} of method {name!r} is {value!r}; give true or false")
    changes = {option: options.pop(option) for option in COMMON if option in options and option not in known}
    method = entry if isinstance(entry, Method) else entry(**options)
    if not isinstance(method, Method):
        raise UserError(f"{name} gave a {type(method).__name__}, not a guided_rl.methods.Method; return a Method")
    plain = [name for name, hparam in method.hparams.items() if not isinstance(hparam, HParam)]
    if plain:
        given = method.hparams[plain[0]]
        raise UserError(f"hyper-parameter {plain[0]!r} of {name} is {given}; write HParam({given}), with its range")
    if changes and not isinstance(method.loop, OffPolicy):
        raise unknown_name(f"switch of method {name!r}", next(iter(changes)), known)
    return dataclasses.replace(method, loop=dataclasses.replace(method.loop, **changes)) if changes else method


def switches(name: str) -> dict[str, Any]:
    """The static switches of the method `name` and their defaults.

    Raises:
      UserError: unknown method.
    """
    _, known = _entry(name)
    method = build(name)
    common = [option for option in COMMON if option not in known and isinstance(method.loop, OffPolicy)]
    own = {option: parameter.default for option, parameter in known.items()}
    return {**own, **{option: getattr(method.loop, option) for option in common}}


def _entry(name: str) -> tuple[Method | Callable[..., Method], Mapping[str, inspect.Parameter]]:
    """What a name stands for, and the switches that it takes besides the common ones."""
    if is_plugin(name):
        entry = load(name)
    elif name in METHODS:
        entry = METHODS[name]
    else:
        raise unknown_name("method", name, METHODS)
    return entry, {} if isinstance(entry, Method) else inspect.signature(entry).parameters
