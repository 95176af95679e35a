"""What the flow explorer says: how far the model is off, against what, how the error grows and where."""

import numpy as np

ZERO = 1e-9  # the clipping in the relative entropy: below, it means nothing


def flow_sentence(run, label, sizes):
    """Two or three plain sentences on a Run; sizes: (shortest, longest learned, longest taken) or None."""
    n, steps, t = run.exact.shape[1], len(run.times) - 1, run.times[-1]
    still, line = (run.entropy[name][-1] for name in ("nothing moves", "one straight line"))
    beside = f"{power(still)} if nothing moves, {power(line)} for one straight line"
    when = f"After {steps} steps (t = {t:g}) the relative entropy is"
    if run.predicted is None:
        return f"{label} is padded to {sizes[2]} spins and cannot take {n}. {when} {beside}."
    error = run.entropy["model"]
    if not np.isfinite(error).all():
        return f"{label}: the prediction overflows after {int(np.isfinite(error).argmin())} steps."
    parts = [f"{when} {power(error[-1])} for {label}; {beside}."]
    if error[-1] > still:
        parts.append("That is worse than predicting no motion.")
    elif error[-1] > 10 * ZERO:
        off = np.abs(run.predicted[-1] - run.exact[-1])
        parts.append(f"The error grows about as t to the power {growth(run.times, error):.1f}, {place(off)}.")
    if sizes is not None and n > sizes[1]:
        parts.append(f"Learned from chains of {sizes[0]} to {sizes[1]} spins: {n} were never seen.")
    return " ".join(parts)


def growth(times, error):
    """Exponent of the error as a power of time, over the last three quarters of the steps."""
    late = np.arange(len(times) // 4, len(times))
    return float(np.polyfit(np.log(times[late]), np.log(np.maximum(error[late], ZERO / 100)), 1)[0])


def place(off):
    """Where the error is largest: for all spins alike, or one by number and whether it is an end."""
    worst = int(off.argmax())
    if off.max() < 1.2 * off.min():
        return "for all spins alike"
    return f"most at spin {worst}" + (", an end of the chain" if worst in (0, len(off) - 1) else "")


def power(value):
    """A small number as text: 0.12, 3.4·10⁻⁵, 'less than 10⁻⁹'."""
    if value < ZERO:
        return "less than 10⁻⁹"
    if value >= 1e-3:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}·10⁻{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(d)] for d in str(-int(exponent)))}"


def table(cells):
    """A Markdown table of one row."""
    rows = (cells, ["---"] * len(cells), map(str, cells.values()))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
