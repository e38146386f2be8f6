# Two commands for a newcomer: `make run` (the demo) and `make test` (the checks). `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help rules-drill setup setup-dev run test test-long lint types layers tests long steps proofs bench breakers simulate planted chaos
.PHONY: events drill fuzz lock format clean

PY := .venv/bin/python
ARGS ?=

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## .venv with what the daemon needs, and .venv/bin/ladderd; quick when nothing changed
	@sh deploy/setup.sh runtime

setup-dev: ## the same, and what the checks need
	@sh deploy/setup.sh dev

run: setup ## the demo: simulated exchange and feed, the unchanged daemon, the page (ARGS="--once --http-port 8081")
	.venv/bin/ladderd demo $(ARGS)

test: setup-dev ## what every change must pass, 10 to 15 minutes; goes on after a failure, so that one run shows all
	@$(call timed,test,lint types layers tests)

test-long: setup-dev ## what takes longer: other Pythons on an empty machine, units under a real systemd, proofs anew
	@$(call timed,test-long,long proofs)

# Some targets one after the other, and the seconds that they took.
timed = began=$$(date +%s); code=0; $(MAKE) --no-print-directory --keep-going $(2) || code=$$?; \
	echo "make $(1): $$(($$(date +%s) - began)) s"; exit $$code

lint: setup-dev ## ruff, all rules
	$(PY) -m ruff check .

types: setup-dev ## mypy --strict
	$(PY) -m mypy

layers: setup-dev ## import contracts: imports go down only
	@.venv/bin/lint-imports --no-logo >.venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@tail -n 3 .venv/lint-imports.log

tests: setup-dev ## the tests alone, those on real processes last, two files at a time (ARGS="-k sentry -x")
	@quick=0; live=0; \
	$(PY) -m pytest -n 2 --dist loadgroup -m "not live and not long" $(call report,quick) $(ARGS) || quick=$$?; \
	if ls tests/live/test_*.py >/dev/null 2>&1; then \
	    $(PY) -m pytest -n 2 --dist loadfile -m "live and not long" $(again) $(call report,live) $(ARGS) || live=$$?; fi; \
	[ $$quick = 5 ] && [ "$(ARGS)" ] && quick=0; [ $$live = 5 ] && [ "$(ARGS)" ] && live=0; \
	[ $$quick = 0 ] && [ $$live = 0 ]

long: setup-dev ## the tests marked long alone (ARGS="-k systemd")
	$(PY) -m pytest -n 2 --dist loadgroup -m long $(again) -raPR $(call report,long) $(ARGS)

# On real processes a wait may run out by what else the machine does: that alone is tried once more, and is told as
# "rerun". A wrong fact (an order that rests, a record that is missing) fails at once.
again = -raR --reruns 1 --only-rerun "not within" --only-rerun "Timeout .>"

# Only a whole run leaves the report that `make steps` reads.
report = $(if $(ARGS),,--junitxml=.venv/junit-$(1).xml)

steps: setup-dev ## which runbook steps hold, which are proven; ARGS="--prove [--resume] [H14 ...]" unplugs their controls
	$(PY) -m tests.steps $(ARGS)

proofs: setup-dev ## for CI: prove anew what changed since its proof and three steps more, three minutes at most
	$(PY) -m tests.steps --prove --changed --limit-s 120

events: setup-dev ## write docs/events.md anew from the schema of the records
	$(PY) -m journal.schema > docs/events.md

breakers: setup ## write docs/breakers.md anew: how often the breakers err, counted over 40 seeds (a minute or two)
	$(PY) -m sim.breakers > docs/breakers.md.new && mv docs/breakers.md.new docs/breakers.md

bench: setup ## latency and throughput beside bare baselines, in one run
	$(PY) -m bench $(ARGS)

simulate: setup ## trading days under virtual time with faults (ARGS="--days 20 --seed 7 --faults all")
	.venv/bin/ladderd simulate $(or $(ARGS),--days 5 --seed 1 --faults all)

planted: setup-dev ## every planted defect against the simulation, and docs/planted.md anew (ARGS="NAME ..." tries some)
	$(PY) -m sim.planted $(or $(ARGS),--table docs/planted.md)

chaos: setup ## faults on real processes, a few minutes (ARGS="--minutes 3")
	$(PY) -m sim chaos $(ARGS)

fuzz: setup-dev ## hostile inputs at every door and the engine behind them (ARGS="--inputs 1000000"; "--daemon --inputs 10000")
	$(PY) -m tests.fuzz $(ARGS)

rules-drill: setup-dev ## every alert rule under its own fault: a real Prometheus beside a real daemon, some 7 minutes
	RULES_DRILL=all $(PY) -m pytest -rP -n 0 tests/live/test_rules.py $(ARGS)

drill: setup-dev ## the units under a real systemd in a container (root and Debian's systemd-container; part of `make test-long`)
	$(PY) -m pytest -rs tests/live/test_systemd.py $(ARGS)

lock: ## work the hash-pinned locks out again from pyproject.toml (ARGS="--upgrade" for newer versions)
	@sh deploy/lock.sh $(ARGS)

clean: ## throw away the environment and every cache
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
