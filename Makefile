# Every target sets up .venv when it is missing. Variables: DEVICE, PRESET, SEEDS, PHYSICS, LAUNCHER, TASK.
DEVICE   ?= auto
PRESET   ?= cpu
SEEDS    ?=
PHYSICS  ?= auto
LAUNCHER ?= local
TASK     ?= HalfCheetah-v5
PYTHON   ?= python3
WORKERS  ?= 2

TABLES := $(subst _,-,$(sort $(notdir $(patsubst %/table.py,%,$(wildcard benchmarks/papers/*/table.py)))))
BIN    := .venv/bin
CLI    := $(BIN)/guided-rl
PYTEST := $(BIN)/python -m pytest -q
# The tests of a file share compiled programs, so that one worker gets them all.
SPREAD := -n $(WORKERS) --dist loadfile

# JAX's CUDA build where a GPU answers, the plain one elsewhere.
device := $(if $(filter auto,$(DEVICE)),$(shell nvidia-smi >/dev/null 2>&1 && echo cuda || echo cpu),$(DEVICE))
comma  := ,
extras := $(if $(filter cpu,$(device)),dev,dev$(comma)$(device))
ready  := .venv/ready-$(device)

.DEFAULT_GOAL := help
.PHONY: help setup reproduce test test-fast test-all smoke lint sweep-tchange sweep-beta experts datasets parity speed speed-gpu gpu-check profile reference report export torture evidence
.PHONY: $(TABLES:%=table-%)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
	@echo 'table-<paper>   bread, dai, gorl, mentor, pag, pex, robust or sac-eo; PRESET=smoke|quick|cpu|long|paper SEEDS=n PHYSICS=auto|native|mjx LAUNCHER=local|ray CELLS="Ant-v5__* …"'

setup: $(ready) ## install into .venv; DEVICE=auto|cpu|cuda|tpu

$(ready): pyproject.toml constraints.txt
	@case '$(device)' in cpu|cuda|tpu) ;; *) echo 'DEVICE=$(DEVICE) is none of auto, cpu, cuda, tpu' >&2; exit 2;; esac
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'guided-rl needs Python 3.11 or newer; name one with PYTHON=python3.11' >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo '$(PYTHON) cannot make a .venv; install its venv module, such as python3-venv' >&2; exit 2; }
	@echo 'Installing into .venv for $(device) (a few minutes, once)'
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(extras)]'
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || \
	  $(BIN)/python -m pip install --quiet -c constraints.txt --no-deps dm-control  # its labmaze has no wheel there
	@touch $@

reproduce: setup ## the main job: the quick preset of every paper's table, then one screen of verdicts
	@$(CLI) reproduce --physics $(PHYSICS)

test: setup ## the default tests
	@$(PYTEST) $(SPREAD)

test-fast: setup ## those of them that train nothing, less than 2 min
	@$(PYTEST) $(SPREAD) -m 'not slow and not trains'

test-all: setup ## those marked slow as well (hours)
	@$(PYTEST) $(SPREAD) -m ''

smoke: setup ## every benchmark script on the least that it can be given; installs the peers
	@$(PYTEST) -m slow tests/benchmarks/test_scripts.py tests/benchmarks/test_speed.py

docs: setup ## the documentation as pages in runs/site; a dead link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q
	@echo 'wrote runs/site/index.html'

lint: setup ## style, common mistakes, types, and the layers that imports keep to
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

$(TABLES:%=table-%): table-%: setup
	@$(CLI) table $* --preset $(PRESET) $(if $(SEEDS),--seeds $(SEEDS)) --physics $(PHYSICS) --launcher $(LAUNCHER) \
	  $(if $(CELLS),--cells $(CELLS:%='%'))

sweep-tchange: setup ## DAI's T_change grid × seeds on TASK in one compile: table and plot
	@$(CLI) table dai --sweep t_change --tasks $(TASK) --preset $(PRESET) $(if $(SEEDS),--seeds $(SEEDS)) --physics $(PHYSICS)

sweep-beta: setup ## SAC-EO's β grid × seeds on TASK in one compile: table and plot
	@$(CLI) table sac-eo --sweep beta --tasks $(if $(filter command% environment%,$(origin TASK)),$(TASK),cheetah-run) \
	  --preset $(PRESET) $(if $(SEEDS),--seeds $(SEEDS)) --physics $(PHYSICS)

experts: setup ## train, band and register the experts anew (hours); TASK=name for one task
	@$(BIN)/python -m experts $(if $(filter command% environment%,$(origin TASK)),$(TASK))
	@$(if $(filter command% environment%,$(origin TASK)),,$(BIN)/python -m experts.medium)

datasets: setup ## PEX's offline datasets, made from recipes where they are missing, and their statistics
	@$(BIN)/python -m benchmarks.papers.pex.datasets $(if $(filter command% environment%,$(origin TASK)),$(TASK)) --preset $(PRESET)

parity: setup ## every task beside its Gymnasium twin, in both engines
	@$(BIN)/python -m benchmarks.parity.run

speed: setup ## side by side with MJX, SBX, SB3, rejax and brax (some 20 minutes); FULL=1: larger whole runs too
	@$(BIN)/python -m benchmarks.speed.run $(if $(FULL),--full)

speed-gpu: setup ## the same on an accelerator: physics, updates beside its limit, seeds, rejax
	@$(BIN)/python -m benchmarks.speed.gpu

gpu-check: setup ## what a borrowed card is asked first, in ten minutes: parity, speed by seeds, a piece of preset paper; SMOKE=1 anywhere
	@$(BIN)/python -m benchmarks.speed.gpu_check $(if $(SMOKE),--smoke --out runs/gpu-check)

profile: setup ## where the time of a step with its update goes, on one core
	@$(BIN)/python -m benchmarks.speed.profile

reference: setup ## returns beside SBX's at the same settings (hours)
	@$(BIN)/python -m benchmarks.reference.run

evidence: setup ## what the tables still lack at presets cpu and long, the most wanted first, until stopped; LIST=1, COMMIT=1, HOURS=n
	@$(CLI) evidence $(if $(LIST),--list) $(if $(COMMIT),--commit) $(if $(HOURS),--hours $(HOURS))

torture: setup ## work killed at random must end as unbroken work does; KILLS=25 of each kind of work
	@$(BIN)/python -m benchmarks.torture $(if $(KILLS),--kills $(KILLS))

export: setup ## runs/export: every seed's data as Parquet, with dataset card and Croissant; TABLE=pag for one paper
	@$(CLI) export $(TABLE)

report: setup ## results/site: every table, figure and claim from the stored records; TABLE=pag for one paper
	@$(CLI) report $(if $(TABLE),--table $(TABLE))
