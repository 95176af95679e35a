"""What the twin explorer says: one line over the figures, and the live sentence."""

import numpy as np

from ...figures.figure import number

PROBLEMS = {"tfim": "TFIM", "rhm": "RHM"}
SUPER = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def what(settings):
    """'paper, RHM (seed 3), 6 spins, ε = 10⁻³, from the last s'."""
    seed = f" (seed {settings.seed})" if settings.problem == "rhm" else ""
    text = f"{settings.recipe}, {PROBLEMS[settings.problem]}{seed}, {settings.spins} spins"
    if settings.recipe != "paper":
        return text
    start = "from the last s" if settings.start == "last" else "from random networks"
    return f"{text}, ε = {power(settings.epsilon)}, {start}"


def caption(result):
    """What the figures show, and how large the network is, in one line."""
    twin = result.twin
    size = f"{twin.parameter_count} parameters a network, {2**twin.n} amplitudes"
    return f'<div class="qtwin-small qtwin-caption">{what(result.settings)} · {size}</div>'


def told(result, i):
    """What a finished twin says: errors of the levels, of the gap, flags; then the chosen s."""
    return f"{along(result)} {at(result, i)}"


def along(result):
    twin, true = result.twin, result.exact.levels[:, :2]
    error = np.abs(twin.energies - true) / np.maximum(np.abs(true), 1e-12)
    words = f"E₀ is off by at most {share(error[:, 0].max())}, E₁ by {share(error[:, 1].max())}"
    gap = true[:, 1] - true[:, 0]
    off = np.abs(twin.gap - gap)
    lost = int((off > gap).sum())
    if lost:
        words += f"; at {lost} of {gap.size} points the gap is off by more than itself."
    else:
        words += f", the gap by {share((off / np.maximum(gap, 1e-300)).max())}."
    flagged = int(twin.flagged.sum())
    doubts = f"{flagged} of {twin.flagged.size} energies are flagged." if flagged else "Nothing is flagged."
    return f"{words} {doubts}"


def at(result, i):
    """One sentence about the chosen s: a wrong level, a flag with its reason, or the weights in the exact levels."""
    twin, weight = result.twin, result.fidelity[i]
    where = f"At s = {twin.s[i]:.2f}"
    wrong = np.flatnonzero(weight < 0.5)
    reason = why(twin, i)
    if wrong.size:
        k = int(wrong[0])
        caught = f"and it is flagged: {reason}" if reason else "and nothing is flagged"
        return f"{where} ψ{'₀₁'[k]} is the wrong level (weight {weight[k]:.2f} in the exact one), {caught}."
    if reason:
        return f"{where} it has doubts: {reason}."
    return f"{where} the weights in the exact levels are {near_one(weight[0])} and {near_one(weight[1])}."


def why(twin, i):
    """The reasons for the flags at the i-th s, '' where there are none."""
    lines = [line for line in twin.explain(twin.s[i]).splitlines() if "FLAGGED: " in line]
    return "; ".join(f"{line.split(' =')[0]}, {line.split('FLAGGED: ')[1]}" for line in lines)


def live_sentence(result, news, settings, i):
    """News of a run under way or ended early, then what is shown."""
    if news is not None and news.phase == "running":
        return f"Running {what(news.settings)}: task {news.done} of {news.total}."
    if news is not None and news.phase == "failed":
        return f"The run broke off. {news.words}"
    if news is not None and news.phase == "stopped":
        return f"Stopped at task {news.done} of {news.total}; what is shown is the run before. {told(result, i)}"
    tail = " The settings have changed: press Run." if settings != result.settings else ""
    return f"{told(result, i)}{tail}"


def progress(news, running):
    """A thin bar with its words."""
    part, text = (0.0, "") if news is None else (news.done / max(1, news.total), f"task {news.done} of {news.total}")
    if running and news.seconds > 2 and news.done:
        text += f" · {news.seconds:.0f} s, about {news.seconds * (1 / part - 1):.0f} s left"
    whole = round(100 * part)
    return (
        f'<div class="qtwin-progress" role="progressbar" aria-label="progress" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{whole}"><div style="width:{whole}%"></div></div>'
        f'<div class="qtwin-small">{text or "&nbsp;"}</div>'
    )


def share(value):
    """A relative error: '1.2 %', '3·10⁻¹² ', 'less than 10⁻¹⁴'."""
    value = float(value)
    if value < 1e-14:
        return f"less than {power(1e-14)}"
    return f"{number(100 * value, 2)} %" if value > 2e-6 else power(value)


def power(value):
    """3.2e-12 → '3·10⁻¹²', 1e-3 → '10⁻³'."""
    digit, exponent = f"{value:.0e}".split("e")
    ten = f"10{str(int(exponent)).translate(SUPER)}"
    return ten if digit == "1" else f"{digit}·{ten}"


def near_one(weight):
    """A weight near 1: '0.9987', or '1 − 3·10⁻⁷'."""
    return f"{weight:.3f}" if weight < 0.999 else f"1 − {power(max(1 - weight, 1e-14))}"
