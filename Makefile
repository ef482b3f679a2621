# Quorum: `make` lists the targets.

PYTHON ?= python3
VENV := .venv/bin
BENCHMARKS = $(sort $(wildcard benchmarks/[a-z]*.py))
SETUP = $(if $(wildcard $(VENV)/python),$(VENV)/python,$(PYTHON)) -I deploy/setup_env.py

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run demo local-model test check autobahn fuzz joins chaos soak protocol screenshots bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-15s%s\n", $$1, $$2 }'

setup: ## make the environment, install the pinned packages, build the dashboard
	@$(SETUP)

setup-dev: ## the same with the test tools
	@$(SETUP) --dev

run: setup ## start the desk on the settings of settings.yaml
	$(VENV)/python supervisor.py

demo: setup ## start the desk in a simulated world: no network, no keys
	$(VENV)/python supervisor.py --settings sim/demo.yaml --market simulated

local-model: setup ## the same with a small language model of this machine, which it fetches once, as an analyst
	$(VENV)/python -m deploy.local_model

# System tests work with real clocks, sockets, processes and a browser: what failed runs once more by itself, and the
# first failure stays in the output. Failing twice fails.
test: setup-dev ## run the whole test suite
	$(VENV)/python -m pytest || { echo "Once more, by itself, what failed:"; $(VENV)/python -m pytest --last-failed --last-failed-no-failures none; }

# The tests run once: tests/conftest.py patches before anything else is imported, as supervisor.py does, so a second run
# under `python -m gevent.monkey` would repeat the first.
check: setup-dev ## format check, lint, types, tests
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/python -m pytest

autobahn: setup-dev ## run the Autobahn conformance suite against the WebSocket handler; needs a Python 2.7
	QUORUM_AUTOBAHN=1 $(VENV)/python -m pytest tests/system/test_autobahn.py -rs -s

fuzz: setup-dev ## throw 100,000 hostile frames and handshakes at the port, memory and honest sessions watched
	QUORUM_HOSTILE=100000 $(VENV)/python -m pytest tests/web/test_siege.py -s --timeout 3600

joins: setup-dev ## let 1,000 sessions join at random moments of trading and compare each with the journal
	QUORUM_JOINS=1000 $(VENV)/python -m pytest tests/web/test_joins.py -s --timeout 3600

chaos: setup-dev ## hurt a desk at random for MINUTES (10) in a simulated world, report recoveries and what did not hold
	QUORUM_CHAOS_MINUTES=$(or $(MINUTES),10) QUORUM_CHAOS_SEED=$(or $(SEED),1) $(VENV)/python -m pytest -s \
		tests/system/test_chaos.py::test_a_desk_survives_chaos

soak: setup-dev ## run the simulated world with 100 sessions for HOURS (2), report slopes with a picture in var/soak
	$(VENV)/python -m tests.soak --hours $(or $(HOURS),2)

protocol: setup-dev ## write the protocol's page, its AsyncAPI document and the dashboard's types from the message types
	$(VENV)/python -m web.protocol

screenshots: setup-dev ## take the pictures of docs/pictures: every page on a desk in the simulated world
	$(VENV)/python deploy/screenshots.py

bench: setup-dev ## run all benchmarks: JSON lines on standard output
	@failed=0; for file in $(BENCHMARKS); do PYTHONPATH=. $(VENV)/python $$file || failed=1; done; exit $$failed

lock: setup-dev ## pin the dependencies of setup.cfg again; UPGRADE=1 takes the newest versions
	PATH=$(VENV):$$PATH $(VENV)/python deploy/lock.py $(if $(UPGRADE),--upgrade)

clean: ## remove the environment, the dashboard build and the caches, never the data in var/
	rm -rf .venv frontend/node_modules frontend/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
