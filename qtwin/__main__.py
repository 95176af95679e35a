"""``python -m qtwin COMMAND``: what the Makefile calls, and what one types where there is no make.

Runs with nothing but the standard library, on any Python 3, until the environment is made.
"""

import sys

COMMANDS = {
    "lab": "install into .venv, lay working copies of the lessons in work/, open JupyterLab (more words go to it)",
    "test": "install into .venv what tests need, run the whole suite (more words go to pytest)",
    "lint": "check style and format, types, and who imports whom",
    "doctor": "say what is installed, what is missing and how to get it",
    "copies": "lay or update the working copies in work/",
    "warm": "compile the numerical kernels once, so that the first use is quick",
}


def main(words):
    if sys.version_info < (3, 11):  # noqa: UP036 (this line is there for the older Python that runs it)
        got = "%d.%d" % sys.version_info[:2]  # noqa: UP031
        return "qtwin needs Python 3.11 or newer, this is %s: get one from python.org or your system's packages" % got  # noqa: UP031
    command, *rest = words or ["help"]
    if command not in COMMANDS:
        width = max(map(len, COMMANDS))
        return "usage: python -m qtwin COMMAND\n" + "\n".join(f"  {c:{width}}  {t}" for c, t in COMMANDS.items())
    if command in ("lab", "test", "lint"):
        from ._cli import install

        return getattr(install, command)(rest)
    from . import course

    try:
        return getattr(course, command)()
    except (OSError, ValueError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
