# Thin: every target is one call of `python -m qtwin`, so that without make (Windows) one types the same.
# PIP_FLAGS reaches pip, LAB_FLAGS reaches JupyterLab, PYTEST_FLAGS reaches pytest.
export PIP_FLAGS LAB_FLAGS PYTEST_FLAGS

# The first Python that is new enough; where there is none, qtwin itself says what to install.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)

.PHONY: lab test lint
lab test lint:
	@command -v $(PYTHON) >/dev/null || { echo "qtwin needs Python 3.11 or newer: get it from python.org or your system's packages"; exit 1; }
	@$(PYTHON) -m qtwin $@
