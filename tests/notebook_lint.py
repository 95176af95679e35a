"""What a notebook of the series must not do: each rule takes a notebook (a dict) and yields its complaints."""

import ast
import re

from qtwin.course import CARD_FORMAT, CARD_START

MAX_BYTES = 500_000
MAX_FUNCTION_LINES = 10
METADATA = {"minutes", "peak_mb", "prerequisites", "seed"}
UNCHECKED = {"nbval-ignore-output", "nbval-skip"}
PATHS = re.compile(r"(?<![\w/.:])/(?:home|root|Users|tmp|work|usr|opt|mnt|var|private)/\w|\b[A-Z]:\\\w")


def lint(notebook, size=0):
    """All complaints about a notebook whose file has ``size`` bytes, as 'rule: complaint'."""
    found = [f"{rule.__name__}: {text}" for rule in RULES for text in rule(notebook)]
    return found + ([f"too_big: {size} bytes, at most {MAX_BYTES}"] if size > MAX_BYTES else [])


def source(cell):
    return "".join(cell["source"])


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and source(cell).strip()]


def tags(cell):
    return set(cell["metadata"].get("tags", []))


def shows_text(cell):
    return any(o["output_type"] == "stream" or {"text/plain", "text/markdown"} & set(o.get("data", {}))
               for o in cell["outputs"])  # fmt: skip


def words(output):
    """The text of one output."""
    data = {"text/stream": output.get("text", ""), **output.get("data", {})}
    return "\n".join("".join(value) for kind, value in data.items() if kind.startswith("text/"))


def matches(notebook, pattern, text):
    """Complain about each code cell whose source has ``pattern``."""
    for cell in code_cells(notebook):
        if found := re.search(pattern, source(cell), re.MULTILINE):
            yield f"{found[0].strip()!r} {text}"


def trailing_semicolon(notebook):
    for cell in code_cells(notebook):
        if source(cell).rstrip().endswith(";"):
            yield f"{source(cell).rstrip().splitlines()[-1]!r} ends with ';', which nbval does not honour: use _ = …"


def interact(notebook):
    yield from matches(
        notebook, r"\binteract(ive|ive_output|_manual)?\s*\(|@interact", "cannot be tested: use qtwin.widgets"
    )


def with_output(notebook):
    yield from matches(notebook, r"with\s+[\w.]*\bOutput\b", "fails under nbval: use append_stdout")


def plain_progress(notebook):
    yield from matches(
        notebook, r"from tqdm import|\bimport tqdm$|clear_output|update_display", "fails under nbval: tqdm.auto"
    )


def svg(notebook):
    yield from matches(notebook, r"formats\(.*svg|figure_format.*svg", "makes svg, which nbval compares bit by bit")
    for cell in code_cells(notebook):
        if any("image/svg+xml" in output.get("data", {}) for output in cell["outputs"]):
            yield f"an svg output below {source(cell)[:40]!r}"


def stored_widgets(notebook):
    if "widgets" in notebook["metadata"]:
        yield "metadata.widgets is stored: megabytes, and GitHub shows 'Invalid Notebook'"


def execution_counts(notebook):
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"expected counts 1 to {len(counts)} from one clean run, got {counts}"


def random_numbers(notebook):
    legacy = (
        r"(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence)\w+|^\s*(import|from) random\b|\bdefault_rng\(\s*\)"
    )
    yield from matches(notebook, legacy, "is unseeded: use np.random.default_rng(seed)")
    text = "\n".join(map(source, code_cells(notebook)))
    if re.search(r"\btorch\.(rand|randn|randint|randperm)\b|\bnn\.\w+\(", text) and "manual_seed" not in text:
        yield "torch draws without torch.manual_seed"
    if re.search(r"EmbeddingComposite\(|find_embedding\(", text) and "random_seed" not in text:
        yield "an embedding without random_seed"
    for call in re.finditer(r"\bannealer\(\s*[\"']emulated[\"'][^)]*", text):
        if "seed" not in call[0]:
            yield f"{call[0]!r}…) has no seed"


def absolute_paths(notebook):
    for cell in notebook["cells"]:
        if found := PATHS.search("\n".join([source(cell), *map(words, cell.get("outputs", []))])):
            yield f"{found[0]!r} in the cell {source(cell)[:40]!r}"


def lesson_card(notebook):
    first, metadata = notebook["cells"][0], notebook["metadata"].get("qtwin", {})
    lines = [line for line in source(first).splitlines() if line.startswith(CARD_START)]
    if set(metadata) != METADATA or len(lines) != 1:
        yield f"expected metadata qtwin with {sorted(METADATA)} and one line {CARD_START}… in the first cell"
    elif lines[0] != CARD_FORMAT.format(**metadata):
        yield f"the first cell says {lines[0]!r}, the metadata {metadata}"


def one_title(notebook):
    prose = [
        "" if c["cell_type"] == "code" else re.sub(r"```.*?```", "", source(c), flags=re.DOTALL)
        for c in notebook["cells"]
    ]
    titles = [len(re.findall(r"^# ", text, re.MULTILINE)) for text in prose]
    if titles[0] != 1 or sum(titles) != 1:
        yield f"expected one H1, in the first cell, got {sum(titles)}"


def described_figures(notebook):
    """A picture is followed by a description in words, in the same cell's output."""
    for cell in code_cells(notebook):
        pictures = [{"image/png", "image/jpeg"} & set(output.get("data", {})) for output in cell["outputs"]]
        for i, picture in enumerate(pictures):
            if picture and not any(
                "".join(o.get("data", {}).get("text/markdown", "")).strip() for o in cell["outputs"][i:]
            ):
                yield f"the figure below {source(cell)[:40]!r} has no description"


def compared_outputs(notebook):
    cells = code_cells(notebook)
    unchecked = sum(bool(tags(cell) & UNCHECKED) for cell in cells)
    if 7 * unchecked > len(cells):
        yield f"{unchecked} of {len(cells)} code cells are not compared, at most one in seven"
    with_text = sum(map(shows_text, cells))
    if 2 * with_text < len(cells):
        yield f"{with_text} of {len(cells)} code cells have text output, at least half"


def errors_and_warnings(notebook):
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            expected = output["output_type"] == "error" and "nbval-raises-exception" in tags(cell)
            if (output["output_type"] == "error" or output.get("name") == "stderr") and not expected:
                yield f"an error or a warning below {source(cell)[:40]!r}"


def long_functions(notebook):
    for cell in code_cells(notebook):
        lines = [line for line in source(cell).splitlines() if not line.lstrip().startswith(("%", "!", "### "))]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES:
                yield f"{node.name} is longer than {MAX_FUNCTION_LINES} lines: it belongs in the package"


def kernel(notebook):
    name = notebook["metadata"].get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"expected the kernel python3, got {name}: elsewhere Lab asks for one"


RULES = [
    trailing_semicolon,
    interact,
    with_output,
    plain_progress,
    svg,
    stored_widgets,
    execution_counts,
    random_numbers,
    absolute_paths,
    lesson_card,
    one_title,
    described_figures,
    compared_outputs,
    errors_and_warnings,
    long_functions,
    kernel,
]
