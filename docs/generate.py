"""MkDocs hook: pages that are made from the code, so that they cannot fall behind it.

A page per method (idea and equations from its module, switches, hyper-parameters, a command), their index, the
catalogue of tasks, and CONTRIBUTING.md as a page.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"((?:^ {4}.*\n?(?:^\s*\n)*)+)", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    sys.path.insert(0, str(ROOT))
    from guided_rl.methods import METHODS

    pages = {f"methods/{name}.md": method_page(name) for name in METHODS}
    pages["methods/index.md"] = methods_index()
    pages |= {f"papers/{name}.md": paper_page(name) for name in tables()}
    pages["papers/index.md"] = papers_index()
    pages["tasks.md"] = tasks_page()
    pages["contributing.md"] = outside_links((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def tables() -> dict[str, Any]:
    """Every paper's table by name."""
    from benchmarks.papers import find_papers

    return find_papers()


def module_of(name: str) -> Any:
    """The module of a paper's table."""
    found = [m for key, m in sys.modules.items() if re.fullmatch(r"benchmarks\.papers\.\w+\.table", key)]
    return next(module for module in found if module.TABLE.name == name)


def paper_page(name: str) -> str:
    """The paper's tasks, methods and budgets, its claims, and the commands behind them."""
    table, module = tables()[name], module_of(name)
    known = {cell.config.method for preset in ("quick", "cpu") for cell in table.cells(preset)}
    lines = [f"# {table.title}", "", idea(module), "", "## Commands", "", "```sh", f"make table-{name}"]
    lines += [f"make table-{name} PRESET=cpu", "```", ""]
    lines += [f"Methods: {', '.join(f'[`{method}`](../methods/{method}.md)' for method in sorted(known))}.", ""]
    lines += ["## Claims", "", "| claim | statement | held against | source |", "|---|---|---|---|"]
    plain = lambda text: text.replace("|", "\\|").replace("\n", " ")
    rows = [(c.id, c.statement, c.threshold, c.source) for c in table.claims]
    lines += ["| " + " | ".join(map(plain, row)) + " |" for row in rows]
    lines += ["", f"Verdicts: `results/{name}/report/claims.md`. In words: `results/README.md`."]
    return "\n".join(lines) + "\n"


def papers_index() -> str:
    """Every paper's table with its command."""
    lines = [
        "# Check our claims",
        "",
        "Every number is computed from records in `results/`. `make report` computes every ",
    ]
    lines[-1] += "table, figure and claim from them again. A cell whose record is there is not trained again."
    lines += ["", "| paper | table | command |", "|---|---|---|"]
    for name, table in tables().items():
        first = inspect.cleandoc(module_of(name).__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        lines.append(f"| [{table.title}]({name}.md) | {first} | `make table-{name} PRESET=cpu` |")
    lines += ["", "`guided-rl plan --table dai --preset long` says how many hours a scale takes."]
    return "\n".join(lines) + "\n"


def outside_links(text: str) -> str:
    """Links to files of the checkout as plain code, since they are no pages."""
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)", r"`\2`", text)


def idea(module: Any) -> str:
    """A module's docstring as Markdown: indented equations become blocks."""
    text = inspect.cleandoc(module.__doc__ or "")
    return BLOCK.sub(lambda m: "\n```text\n" + inspect.cleandoc(m.group(1)) + "\n```\n\n", text + "\n")


def method_page(name: str) -> str:
    """Idea and equations, what it needs, switches, hyper-parameters, a command."""
    from benchmarks.report.site.descriptions import hparams_of, needs_of
    from benchmarks.report.site.descriptions import module_of as module_of_method
    from guided_rl import methods

    method, module = methods.build(name), module_of_method(name)
    path = Path(module.__file__).relative_to(ROOT)
    lines = [
        f"# {name}",
        "",
        idea(module),
        f"Source: `{path}`. It needs {' and '.join(needs_of(method)) or 'nothing but a task'}.",
        "",
    ]
    lines += ["## Command", "", "```sh", command(name, method), "```", ""]
    lines += ["## Hyper-parameters", "", "`--set NAME=VALUE`; any of them can be a grid, `--grid NAME=A,B`.", ""]
    lines += ["| name | default | range | is |", "|---|---:|---|---|"]
    lines += [f"| `{key}` | {default} | {span} | {said} |" for key, default, span, said in hparams_of(method)]
    switches = methods.switches(name)
    if switches:
        lines += ["", "## Switches", "", "`--option NAME=WORD`.", "", "| name | default |", "|---|---|"]
        lines += [f"| `{key}` | `{value}` |" for key, value in switches.items()]
    return "\n".join(lines) + "\n"


def command(name: str, method: Any) -> str:
    """What trains the method, with a guide and data where it needs them."""
    from guided_rl.methods.base import Planning

    discrete, plans = method.needs.actions == "discrete", isinstance(method.loop, Planning)
    task = "RobustGrid-5" if plans else "GridMaze-umaze-4" if discrete else "HalfCheetah-v5"
    words = ["guided-rl run", f"--task {task}"]
    words.append(f"--method {name}")
    if method.needs.agents is not None:
        words.append("--guide offline:runs/offline/agents.npz")
    elif method.needs.guide:
        words.append("--guide exact" if discrete else "--guide bc")
    if method.needs.dataset:
        tail = getattr(method.loop, "tail", 0)
        words.append(f"--dataset medium:20000+{tail}" if tail else "--dataset demos")
    return " ".join(words)


def methods_index() -> str:
    """Every method with its first line and what it needs."""
    from benchmarks.report.site.descriptions import module_of as module_of_method
    from benchmarks.report.site.descriptions import needs_of
    from guided_rl import methods

    lines = ["# Methods", "", "| method | is | needs |", "|---|---|---|"]
    for name in methods.METHODS:
        method, module = methods.build(name), module_of_method(name)
        first = inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        lines.append(f"| [`{name}`]({name}.md) | {first} | {', '.join(needs_of(method)) or '–'} |")
    return "\n".join(lines) + "\n"


def tasks_page() -> str:
    """Every named task: observation, action, episode length, returns of random and of the shipped expert."""
    from guided_rl import envs
    from guided_rl.envs.spaces import Discrete
    from guided_rl.results.scales import scale_of
    from guided_rl.results.tables import number

    lines = [
        "# Tasks",
        "",
        "A return of *random* is that of uniformly random actions; *expert* is the mean of the experts ",
    ]
    lines[-1] += "that ship. `brax:NAME` names any brax environment, and `file.py:function` one of your own."
    lines += [
        "",
        "| task | observation | action | steps | random | expert | from |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    for name in (*envs.TASKS, *envs.OWN_TASKS):
        env, scale = envs.make(name), scale_of(name)
        space = env.action_space
        action = f"{space.n} discrete" if isinstance(space, Discrete) else f"{space.size} in [-1, 1]"
        expert = number(scale.expert) if scale.expert is not None else "–"
        twin = getattr(getattr(env, "task", None), "twin", "")
        row = (f"`{name}`", env.observation_size, action, f"{env.episode_length:,}", number(scale.random), expert, twin)
        lines.append("| " + " | ".join(map(str, row)) + " |")
    return "\n".join(lines) + "\n"
