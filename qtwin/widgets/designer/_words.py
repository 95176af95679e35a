"""What the schedule designer says: one live sentence, the labels of the levels, the Ocean code."""

import numpy as np

from ...bath import Bath
from ...figures.figure import number
from ...schedule.functions import DWAVE

SHOWN_LEVELS = 6
CODE_WIDTH = 72
BETTER = "Better than linear."


def points_text(value):
    """1.0 → '1', 0.52 → '0.52': at most six decimals, none needless."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def live_sentence(schedule, answer, s_min, refused=""):
    """(one or two plain sentences on this schedule, its tone: 'good', 'plain' or 'bad')."""
    if refused:
        return f"Not allowed: {refused}. The schedule stays as it was.", "bad"
    if np.allclose(schedule.slopes, schedule.slopes[0]):
        words = f"A linear anneal; the smallest gap is at s = {s_min:.2f}. Drag a point, or begin with a preset."
        return words, "plain"
    words = f"{_slowest(schedule)} The smallest gap is at s = {s_min:.2f}. {_verdict(answer)}"
    if answer.coherent:
        words += " So fast that coherent effects, which this model leaves out, may matter."
    return words, "good" if _verdict(answer) == BETTER and not answer.coherent else "plain"


def _slowest(schedule):
    k = int(np.argmin(schedule.slopes))
    (low, high), wait = schedule.s[k : k + 2], np.diff(schedule.t_us)[k]
    time = f"{number(wait, 3)} µs"
    if high == low:
        return f"Waits {time} at s = {low:.2f}."
    return f"Slowest from s = {low:.2f} to {high:.2f}, {time}."


def _verdict(answer):
    half = answer.half_width or 0.0
    if abs(answer.gain) < 5e-4 and half < 5e-4:
        return "Hardly any difference from linear."
    if abs(answer.gain) <= half:
        return "No clear difference from linear: the interval holds 0."
    return BETTER if answer.gain > 0 else "Worse than linear."


def level_bars(answer):
    """[label, share, share of linear] of the lowest levels; what is above them is put together."""
    levels, shares, linear = answer.levels, answer.probabilities, answer.of_linear
    shown = SHOWN_LEVELS if levels.size <= SHOWN_LEVELS else SHOWN_LEVELS - 1
    digits = next((d for d in range(2, 6) if len({f"{e:.{d}f}" for e in levels[:shown]}) == len(levels[:shown])), 6)
    bars = [
        [f"+{e:.{digits}f}", float(a), float(b)]
        for e, a, b in zip(levels[:shown], shares[:shown], linear[:shown], strict=True)
    ]
    if levels.size > shown:
        bars.append(["higher", float(shares[shown:].sum()), float(linear[shown:].sum())])
    return bars


def ocean_code(model, schedule, functions, bath):
    """Ocean code that runs as it stands, on the emulated annealer or, by one word, on a QPU."""
    h = [points_text(x) for x in model.h]
    J = [f"({i}, {j}): {points_text(model.J[i, j])}" for i, j in np.argwhere(model.J)]
    points = [f"[{points_text(t)}, {points_text(s)}]" for t, s in schedule.points]
    made, passed = _arguments(functions, bath)
    return "\n".join(
        [
            "import qtwin",
            "from dwave.system import EmbeddingComposite",
            "",
            _packed("h = [", h, "]"),
            _packed("J = {", J, "}"),
            _packed("schedule = [", points, "]"),
            *made,
            f'annealer = qtwin.annealer("emulated"{passed})' + ("" if passed else '  # or "qpu"'),
            "sampler = EmbeddingComposite(annealer)",
            "answers = sampler.sample_ising(h, J, num_reads=1000,",
            "                               anneal_schedule=schedule)",
            "print(answers.first)",
        ]
    )


def _packed(opening, items, closing):
    """opening, items, closing as code, in lines of at most ``CODE_WIDTH`` characters."""
    lines = [opening]
    for k, item in enumerate(items):
        item += "," if k < len(items) - 1 else closing
        if len(lines[-1]) + len(item) + 1 > CODE_WIDTH and k:
            lines.append(" " * len(opening))
        lines[-1] += ("" if lines[-1].endswith(opening[-1]) or not lines[-1].strip() else " ") + item
    return "\n".join(lines) if items else opening + closing


def _arguments(functions, bath):
    """The arguments of ``annealer`` that differ from its defaults: (lines of code before it, its arguments)."""
    made, passed = [], ""
    if functions.name != "Advantage_system7.1":
        passed += ", functions=functions"
        if functions.name in DWAVE:
            made.append(f'functions = qtwin.AnnealingFunctions.dwave("{functions.name}")')
    changed = [
        f"{name}={getattr(bath, name):g}" for name in vars(Bath()) if getattr(bath, name) != getattr(Bath(), name)
    ]
    if changed:
        made.append(f"bath = qtwin.Bath({', '.join(changed)})")
        passed += ", bath=bath"
    return made, passed


def snapshot_table(schedule, answer):
    """A small Markdown table of what is shown."""
    gain = f"{100 * answer.gain:+.1f}".replace("-", "−")
    cells = {
        "success": f"{100 * answer.success:.1f} %",
        "linear": f"{100 * answer.linear:.1f} %",
        "gain (points)": gain if answer.half_width is None else f"{gain} ± {100 * answer.half_width:.1f}",
        "points": str(len(schedule.points)),
        "time": f"{number(schedule.duration_us, 4)} µs",
        "steepest": f"{number(schedule.slopes.max(), 2)} per µs",
    }
    rows = (cells, ["---"] * len(cells), cells.values())
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
