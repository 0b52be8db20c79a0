"""Guides by name, path or value, each tried on a few reset states before anything trains.

| written | is |
|---|---|
| `bc`, `sac@75` | experts of this task at a quality level in per cent, 100 if not given |
| `sac@medium` | experts of this task that return what D4RL's medium data do |
| `experts.npz#bc@50` | the same from a file of weights |
| `bc@25+bc@100` | a panel: several advisers at once |
| `dqn@50` | the same of a task with discrete actions |
| `local`, `local:sac@50`, `local,grow=0.3` | a task's local guide, and variants of it (`guides/local.py`) |
| `exact`, `exact,noise=0.25` | the known expert of a small discrete task, and worse ones (`guides/exact.py`) |
| `module:name`, `file.py:name` | a `Guide`, or a plain JAX function `obs -> action` or `(obs, key) -> action` |
| `offline:agents.npz` | the agents of an offline run |
| `run:runs/mine` | what the learners of a finished run became |
| `brax:path`, `brax:file,activation=tanh` | a brax SAC or PPO policy (`guides/brax_policy.py`) |
| `sb3:path.zip`, `sb3:path.zip,vecnormalize=file.pkl` | a Stable-Baselines3 SAC, TD3 or DDPG model |
"""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from guided_rl import envs
from guided_rl.envs.base import Env
from guided_rl.envs.spaces import Discrete
from guided_rl.guides.base import Guide, panel_of
from guided_rl.guides.exact import exact_guide
from guided_rl.guides.expert_weights import ACTIONS, D4RL_LEVEL, LEVELS, load_guide, read_facts
from guided_rl.guides.local import local_guide
from guided_rl.guides.spec import OWN, POLICIES, UNGRADED, Spec, graded, parse, parse_one
from guided_rl.runtime import checkout, plugin_loader
from guided_rl.runtime.errors import UserError, unknown_name
from guided_rl.runtime.optional import BRAX

NAMES = (
    *ACTIONS,
    *(f"{kind}@{level}" for kind in ACTIONS for level in LEVELS if kind not in UNGRADED),
    f"sac@{D4RL_LEVEL}",
)
PROBES = 4


def find_guide(named: Guide | str | None, env: Env) -> Guide:
    """The guide that a name, a path or a value stands for, fit for `env`; see the module's table.

    Raises:
      UserError: no guide was given, it does not exist, it is for another task, or what it
        advises on reset states is no action.
    """
    if named is None:
        raise UserError("this method needs a guide; give one with --guide, such as --guide bc")
    if isinstance(named, Guide):
        guide = named
    else:
        guides = [_find_one(spec, env) for spec in parse(str(named))] or [_expert("", env)]
        guide = guides[0] if len(guides) == 1 else panel_of(guides)
    if guide.source is None:  # weights with a checksum end in tanh and need no trial
        refuse_bad_advice(guide, env)
    return guide


def _find_one(spec: Spec, env: Env) -> Guide:
    match spec.kind:
        case "local":
            of = lambda task: env if task == env.name else envs.make(task)
            return local_guide(spec.text, env, lambda name, task: _find_one(parse_one(name), of(task)))
        case "exact":
            return exact_guide(spec.text, env)
        case "brax":
            BRAX.require()
            from guided_rl.guides.brax import load_brax

            return load_brax(Path(spec.name), spec.settings.get("activation", ""), env)
        case "sb3":
            from guided_rl.guides.sb3 import load_sb3

            return load_sb3(Path(spec.name), spec.settings.get("vecnormalize", ""), env)
        case "offline":
            from guided_rl.guides.offline_agents import load_offline

            return load_offline(spec.name, env)
        case "run":
            return _of_run(Path(spec.name), env)
        case "file":
            return load_guide(Path(spec.name), _policy_name(spec.policy), env)
        case "own":
            return _from_plugin(plugin_loader.load(spec.name), spec.name)
        case _:
            return _expert(spec.name, env)


def _of_run(folder: Path, env: Env) -> Guide:
    """The policies of a finished run, learner k's the one of its k-th healthy seed."""
    path = folder / POLICIES
    if not path.exists():
        raise UserError(
            f"{folder} holds no policies of a finished run; let the run end, with one value of each hyper-parameter "
            "and a method whose policy is one network, or name another folder"
        )
    (policy,) = read_facts(path)["policies"]
    return load_guide(path, policy, env)


def _expert(named: str, env: Env) -> Guide:
    refuse_format(named)
    policy = _policy_name(named)
    return load_guide(_need_weights(policy, env), policy, env)


def demonstrator(env: Env) -> str:
    """The kind of guide whose episodes are the task's demonstrations."""
    return "dqn" if isinstance(env.action_space, Discrete) else "sac"


def refuse_format(named: str) -> None:
    """Refuse what is meant as a file, but written without the word for what it is.

    Raises:
      UserError: how to write it.
    """
    path = Path(named)
    if path.suffix == ".py":
        raise UserError(f"the guide {named} names a file alone; name its function too, as {named}:function")
    if path.suffix == ".zip":
        raise UserError(f"the guide {named} is a file alone; write sb3:{named} for a Stable-Baselines3 model")
    if (path / POLICIES).exists():
        raise UserError(f"the guide {named} is a run's folder; write run:{named}")
    if path.exists() and named not in NAMES:
        raise UserError(f"the guide {named} is a path alone; write brax:{named} for a brax policy, or see --help")


def is_own(named: Guide | str | None) -> bool:
    """Whether a guide, or one of a panel, is the user's own function or value, which its name says nothing about."""
    if isinstance(named, Guide):
        return named.source is None
    return any(spec.kind == OWN for spec in parse(named))


def _policy_name(named: str) -> str:
    """`bc@100` for `bc`.

    Raises:
      UserError: there is no such name.
    """
    if named not in NAMES:
        raise unknown_name("guide", named, NAMES)
    return graded(named)


def expert_folders() -> list[Path]:
    """Where experts are looked up: `$GUIDED_RL_EXPERTS`, then `experts/` of the checkout."""
    named = os.environ.get("GUIDED_RL_EXPERTS")
    places = [Path(named)] if named else []
    return list(dict.fromkeys([*places, checkout.HERE / "experts", Path.cwd() / "experts"]))


def weights_name(task: str) -> str:
    """The file that holds a task's experts."""
    return re.sub(r"[^\w.-]", "_", task) + ".npz"


def weights_file(env: Env) -> Path | None:
    """The task's experts in the first folder that has them, or None."""
    return next((path for path in _candidates(env) if path.exists()), None)


def _candidates(env: Env) -> list[Path]:
    return [folder / weights_name(env.name) for folder in expert_folders()]


def _need_weights(named: str, env: Env) -> Path:
    path = weights_file(env)
    if path is None and checkout.find() is None:
        raise UserError(
            f"the guide {named!r} names an expert, and experts are part of the guided-rl checkout, which is not here; "
            "set GUIDED_RL_EXPERTS to its folder experts, or give a guide of your own, such as my_guide.py:act"
        )
    if path is None:
        raise UserError(
            f"there are no experts of {env.name} for the guide {named!r} (looked for "
            f"{' and '.join(str(path) for path in _candidates(env))}); run `make experts TASK={env.name}` in a "
            "checkout, or set GUIDED_RL_EXPERTS to a folder that has them"
        )
    return path


def _from_plugin(value: object, named: str) -> Guide:
    """A guide from a user's own object: a `Guide`, or a function of (obs) or (obs, key)."""
    if isinstance(value, Guide):
        return value
    if not callable(value):
        raise UserError(f"{named} is a {type(value).__name__}; give a Guide or a function obs -> action")
    return Guide((), _with_key(value, named), name=named.rpartition(":")[2])


def _with_key(function: Callable, named: str) -> Callable:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    required = [
        p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    takes_key = len(required) == 2 or "key" in {p.name for p in parameters}
    if len(required) > 2 or not parameters:
        raise UserError(f"{named} takes {len(required)} arguments; a guide is a function of (obs) or (obs, key)")
    if takes_key:
        return lambda params, obs, key: jnp.asarray(function(obs, jax.random.key(0) if key is None else key))
    return lambda params, obs, key: jnp.asarray(function(obs))


@functools.lru_cache(maxsize=8)
def _reset_states(env: Env) -> jax.Array:
    """Observations [PROBES, obs] of fresh episodes."""
    keys = jax.random.split(jax.random.key(0), PROBES)
    return jax.jit(lambda keys: jax.vmap(env.reset)(keys).obs)(keys)


def refuse_bad_advice(guide: Guide, env: Env) -> None:
    """Ask every expert of `guide` for advice on a few reset states, with and without a key.

    Raises:
      UserError: it fails, has another shape than the task's actions, is NaN or outside
        [-1, 1], no distribution over discrete actions, or its confidence is outside [0, 1].
    """
    keys = jax.random.split(jax.random.key(0), PROBES)

    def ask(obs: jax.Array) -> tuple[jax.Array, jax.Array]:
        experts = [guide.of(i) for i in range(guide.size or 1)]
        plain = [jax.vmap(lambda o, e=e: e.actions(o))(obs) for e in experts]
        drawn = [jax.vmap(lambda o, k, e=e: e.actions(o, k))(obs, keys) for e in experts]
        trust = [jax.vmap(lambda o, e=e: e.confidence(o))(obs) for e in experts]
        return jnp.stack([*plain, *drawn]), jnp.stack(trust)

    try:
        actions, trust = (np.asarray(x) for x in jax.jit(ask)(_reset_states(env)))
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            f"the guide {guide.name!r} failed on reset states of {env.name} "
            f"({type(error).__name__}: {reason[0] if reason else 'no reason given'}); mend it"
        ) from error
    _refuse_bad_actions(actions, guide, env)
    if not ((trust >= 0) & (trust <= 1)).all():
        raise UserError(f"the confidence λ(s) of guide {guide.name!r} leaves [0, 1] on reset states; mend it")


def _refuse_bad_actions(actions: np.ndarray, guide: Guide, env: Env) -> None:
    """Refuse advice [kind, state, panel, ...] that is no action, or no distribution over discrete ones.

    Raises:
      UserError: what is wrong with it.
    """
    space = env.action_space
    if isinstance(space, Discrete):
        each, what = (space.n,), "a distribution over the actions"
    else:
        each, what = (space.size,), "an action"
    if actions.shape[2:] != (guide.panel, *each):
        advised = actions.shape[2:] if guide.panel > 1 else actions.shape[3:]
        raise UserError(f"the guide {guide.name!r} advises shape {advised}, but {what} of {env.name} is {each}")
    if not np.isfinite(actions).all():
        raise UserError(f"the guide {guide.name!r} advises NaN or infinity on reset states of {env.name}; mend it")
    if isinstance(space, Discrete):
        if actions.min() < 0 or np.abs(actions.sum(axis=-1) - 1).max() > 1e-3:
            raise UserError(
                f"the guide {guide.name!r} advises no distribution over the {space.n} actions of {env.name}; "
                "give probabilities that are at least 0 and add up to 1"
            )
    elif np.abs(actions).max() > 1 + 1e-5:
        raise UserError(
            f"the guide {guide.name!r} advises {actions.flat[np.abs(actions).argmax()]:.3g}, outside [-1, 1], "
            f"in which actions of {env.name} are given; scale or clip it"
        )
