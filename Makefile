# Borne: every command a developer needs. `make` alone lists them.
VENV   := .venv
PYTHON := $(VENV)/bin/python
READY  := $(VENV)/.installed

# A test holds the ZFM emulator to it. Its board support (Blinka, ten packages) is for boards.
WITHOUT_DEPS := adafruit-circuitpython-fingerprint==2.2.25

.DEFAULT_GOAL := help
.PHONY: help setup packages demo test lint bench devices soak image lock image-test update-test clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: packages $(READY) ## install what is missing: Debian packages, then .venv (seconds when nothing is)

packages:
	@sh config/install-packages.sh config/apt-packages.txt

# pip takes what setup.cfg names; the stamp is younger than setup.cfg once it has.
$(READY): setup.cfg pyproject.toml config/apt-packages.txt | packages
	@echo "setup: making $(VENV) (some minutes the first time)"
	@[ -x $(PYTHON) ] && $(PYTHON) -c 'import pip' 2>/dev/null || /usr/bin/python3 -m venv --clear $(VENV)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --retries 10 --editable '.[dev,postgresql]'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --retries 10 --no-deps $(WITHOUT_DEPS)
	@touch $@

demo: setup ## the whole house with simulated devices; prints the kiosk's address (ARGS="--headless ...")
	@$(VENV)/bin/borne demo $(ARGS)

# Many tests wait for a device or a process more than they compute: one worker more than there are cores.
JOBS ?= $(shell echo $$(( $$(nproc) < 4 ? $$(nproc) + 1 : 4 )))
test: setup ## every test but the long ones (ARGS="-k name" for some of them, JOBS=0 for one after the other)
	@$(PYTHON) -m pytest -m "not soak" --numprocesses $(JOBS) --dist worksteal $(ARGS) || { \
		code=$$?; [ $$code = 1 ] || exit $$code; \
		echo "test: what failed beside others, once more alone: who fails again fails"; \
		$(PYTHON) -m pytest -m "not soak" --last-failed --last-failed-no-failures none $(ARGS); }

lint: setup ## ruff's rules, ruff's format, mypy strict
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@MYPYPATH=image-build $(PYTHON) -m mypy --explicit-package-bases $(wildcard image-build/*.py)

BENCH ?= $(sort $(wildcard benchmarks/[a-z]*.py))
bench: setup ## figures of benchmarks/ as JSON (DATA=folder, BENCH=benchmarks/one.py, ARGS=--peers)
	@[ -n "$(strip $(BENCH))" ] || { echo "bench: there is nothing in benchmarks/" >&2; exit 2; }
	@set -e; for script in $(BENCH); do \
		echo "== $$script" >&2; \
		$(PYTHON) $$script $(DATA) --json $(ARGS) || { code=$$?; [ $$code = 2 ] || exit $$code; }; \
	done

devices: setup ## run the conformance suite and write docs/devices.md from what it finds
	@mkdir -p build
	@BORNE_CONFORMANCE_RESULTS=build/conformance.json $(PYTHON) -m pytest tests/hal/test_conformance.py -q
	@$(PYTHON) tests/hal/conformance/page.py build/conformance.json

soak: setup ## the long tests: kills, power cuts, endurance
	@$(PYTHON) -m pytest -m soak --timeout 0 $(ARGS)

# The boards' architecture; and QEMU 7.2 emulating two x86 cores dies now and then (docs/image.md).
BOARD ?= qemu-arm64
image: setup ## the flashable image of one board (BOARD=qemu-arm64, qemu-amd64, pi4-bookworm, pi5-trixie)
	@sh config/install-packages.sh config/image-packages.txt
	@nice $(PYTHON) image-build/build.py $(BOARD)

lock: setup ## solve BOARD's packages anew: writes image-build/lock/BOARD.lock
	@nice $(PYTHON) image-build/lock.py $(BOARD)

TESTED := build/image-test
# The image again, with an authority for updates that tests have the key of.
BUILD_TESTED = $(PYTHON) image-build/signer.py $(TESTED)/signer && nice $(PYTHON) image-build/build.py $(BOARD) \
	--out $(TESTED) --update-ca $(TESTED)/signer/lab-ca.pem

# Skipped, and said so, only where QEMU or the packages cannot be had (no host answers, or the lock's versions have been
# superseded); whatever else is wrong fails. What is unpacked is kept by the lock's hash (build/packages/base-*).
image-test: setup ## start the image in QEMU: card, enrolment, a crossing that a central on this machine acknowledges
	@sh config/install-packages.sh config/image-packages.txt || { \
		echo "image-test: skipped: QEMU and the tools that build an image cannot be installed here."; exit 0; }; \
	$(BUILD_TESTED) || { code=$$?; [ -s $(TESTED)/unfetchable ] || exit $$code; \
		echo "image-test: skipped: the image's packages cannot be had here: $$(cat $(TESTED)/unfetchable)"; exit 0; }; \
	nice $(PYTHON) image-build/acceptance.py $(BOARD) --console $(TESTED)/$(BOARD)/console.log

CUTS ?= 8
update-test: setup ## updates on a started image: refused, tried, kept, given back, and CUTS power cuts; WHOLE=1: by the whole box
	@sh config/install-packages.sh config/image-packages.txt
	@$(BUILD_TESTED)
	@nice $(PYTHON) image-build/$(if $(WHOLE),updating,slots).py $(BOARD) --cuts $(CUTS) \
		--console $(TESTED)/$(BOARD)/updates.log

clean: ## remove all that was made here, .venv included
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
