# Two commands on a fresh machine: make test, make drill. Each sets up what it needs and is safe to repeat.
PYTHON ?= python3
K ?= redis_aof
ARGS ?=
STACK ?=
SETUP = @$(PYTHON) -m setup
BIN = .venv/bin
CODE = agent drills setup

.PHONY: help setup test drill nightly check clean
help:
	@echo "make test              the tests; no container engine needed"
	@echo "make drill [K=...]     one bad night in a container engine (K=$(K); ARGS='-x -n 2' for pytest)"
	@echo "make nightly           every drill, long ones too, and each benchmark once; JUnit in runs/nightly"
	@echo "make check             linters, types, room borders, tests"
	@echo "make setup             everything a test or a drill needs, without running any"
	@echo "make clean [STACK=...] remove our containers, networks, volumes, images and nothing else"

setup:
	$(SETUP) test
	$(SETUP) drill

test:
	$(SETUP) test
	$(BIN)/pytest -n auto $(ARGS)

drill:
	$(SETUP) drill
	$(BIN)/pytest drills/ -k '$(K)' $(ARGS)

nightly:
	$(SETUP) test
	$(SETUP) drill
	@drills=0; bench=0; \
	$(BIN)/pytest drills/ --nightly --junitxml=runs/nightly/drills.xml $(ARGS) || drills=$$?; \
	$(BIN)/pytest bench/ --nightly --junitxml=runs/nightly/bench.xml || bench=$$?; \
	echo "The drills ended with code $$drills, the benchmarks with code $$bench; JUnit lies in runs/nightly."; \
	[ $$drills -eq 0 ] && [ $$bench -eq 0 ]

check:
	$(SETUP) test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto $(ARGS)

clean:
	$(SETUP) clean $(if $(STACK),--only $(STACK))
