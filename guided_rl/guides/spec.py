"""What a guide's name says, taken apart: the one parser of such names. Nothing is looked up here.

| written | kind | name | more |
|---|---|---|---|
| `bc`, `sac@75`, `sac@medium` | expert | the policy | |
| `experts.npz#bc@50` | file | the path | policy `bc@50`, `bc` if none is written |
| `local`, `local:sac@50,grow=0.3` | local | the policy behind it, or nothing | settings |
| `exact`, `exact,noise=0.25` | exact | | settings |
| `offline:agents.npz` | offline | the path | |
| `run:runs/mine` | run | the folder | |
| `brax:path,activation=tanh` | brax | the path | settings |
| `sb3:path.zip,vecnormalize=file.pkl` | sb3 | the path | settings |
| `module:name`, `file.py:name` | own | all of it | |
| one of them `+` another | a panel: one `Spec` for each | | |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from guided_rl.runtime.plugin_loader import is_plugin

EXPERT, FILE, LOCAL, EXACT, OFFLINE = "expert", "file", "local", "exact", "offline"
BRAX, SB3, RUN, OWN = "brax", "sb3", "run", "own"
POLICIES = "policies.npz"  # of a finished run, in its folder
OPTIONS = {BRAX: "activation", SB3: "vecnormalize"}  # the one setting of each; before it stands a path, with any commas
BEST = "100"
UNGRADED = ("medium",)  # a SAC policy that its task's own test chose, at no level in per cent


@dataclass(frozen=True)
class Spec:
    """One adviser, as it was written.

    Attributes:
      text: all of it.
      kind, name, policy: see the module's table; empty where nothing is said.
      settings: `NAME=VALUE`s by name, in order; "" where no value is written.
    """

    text: str
    kind: str
    name: str
    policy: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def parse(named: str | None) -> list[Spec]:
    """The advisers of a panel, in order; of any other guide, the one; none where nothing is written."""
    return [parse_one(part.strip()) for part in named.split("+")] if named else []


def parse_one(text: str) -> Spec:
    """One adviser."""
    word, colon, rest = text.partition(":")
    head, *written = (part.strip() for part in text.split(","))
    known, _, behind = head.partition(":")
    if known == LOCAL or head == EXACT:
        settings = {name: value for name, _, value in (part.partition("=") for part in written)}
        return Spec(text, known, behind, settings=settings)
    if colon and word in OPTIONS:
        path, given, value = rest.partition(f",{OPTIONS[word]}=")
        return Spec(text, word, path, settings={OPTIONS[word]: value} if given else {})
    if colon and word in (OFFLINE, RUN):
        return Spec(text, word, rest)
    path, _, policy = text.partition("#")
    if path.endswith(".npz"):
        return Spec(text, FILE, path, policy or "bc")
    return Spec(text, OWN if is_plugin(text) else EXPERT, text)


def is_offline(named: str | None) -> bool:
    """Whether a guide, or the first of a panel, is the agents of an offline run."""
    return any(spec.kind == OFFLINE for spec in parse(named)[:1])


def graded(policy: str) -> str:
    """An expert's policy with its level: `bc@100` for `bc`."""
    return policy if "@" in policy or policy in UNGRADED else f"{policy}@{BEST}"


def kind_and_level(policy: str) -> tuple[str, str]:
    """`("bc", "50")` of `bc@50`; the level is empty where there is none."""
    kind, _, level = policy.partition("@")
    return kind, level
