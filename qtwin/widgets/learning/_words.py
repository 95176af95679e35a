"""What the learning lab says: one line over the figures, the progress, the live sentence."""

from ...families import DRAWN
from ...figures.figure import number
from ._run import NEW

NETWORKS = {
    "FCNN: all numbers at once": "fcnn",
    "LSTM: a sequence over s": "lstm",
    "CurveCNN: along the chain": "curve",
    "Graph network: spins and pairs": "graph",
}
NAMES = {name: label.split(":")[0] for label, name in NETWORKS.items()}


def what(settings):
    """'FCNN, all symmetries, 3,000 chains of 6 spins'."""
    words = {"raw": "no symmetry", "gauge": "spin flips", "order": "order", "all": "all symmetries"}
    told = words.get(settings.symmetry, "from the ground state")
    return f"{NAMES[settings.network]}, {told}, {settings.curves:,} {DRAWN[settings.family].plural} of {settings.spins}"


def caption(result, before):
    """What the figures show, in one line."""
    grey = f" · grey: {what(before.settings)}" if before is not None else ""
    return f'<div class="qtwin-small qtwin-caption">{what(result.settings)}{grey}</div>'


def progress(news, running):
    """A thin bar with its words: curves made, or steps done."""
    if news is None:
        return _bar(0, "")
    share = news.done / max(1, news.total)
    unit = {"data": "curve", "preparing": "step"}.get(news.phase, "step")
    text = f"{unit} {news.done:,} of {news.total:,}"
    if news.seconds:
        text += f" · {news.seconds:.0f} s"
        if running and news.phase == "training":
            text += f", about {news.seconds * (1 / share - 1):.0f} s left"
    return _bar(share, text)


def _bar(share, text):
    percent = round(100 * share)
    return (
        f'<div class="qtwin-progress" role="progressbar" aria-label="progress" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}"><div style="width:{percent}%"></div></div>'
        f'<div class="qtwin-small">{text or "&nbsp;"}</div>'
    )


def live_sentence(result, news, settings, running):
    """One to three plain sentences: what the run is doing, what it has learned."""
    if running and news.phase == "data":
        return f"Computing the exact curves it learns from, {news.total:,} of them: {news.done:,} done."
    if running and news.phase == "preparing":
        return "Preparing the network; the first one of a session takes some seconds."
    if news is not None and news.phase == "failed":
        return f"The training broke off. {news.words}"
    if news is not None and news.phase == "stopped" and news.marks is None:
        return "Stopped before it had learned anything; what is shown is the run before."
    if running:
        return f"Step {news.done:,} of {news.total:,}. {told(result)}"
    head = f"Stopped after {int(result.marks[0, -1]):,} steps. " if result.phase == "stopped" else ""
    tail = " The settings have changed: press Train." if settings != result.settings else ""
    return f"{head}{told(result)}{tail}"


def told(result):
    """What a result says about learning: R² on new instances, the smallest gap, training against new."""
    known, new = result.marks[1:, -1]
    where = f"on {NEW} new {DRAWN[result.settings.family].plural} of {result.settings.spins} spins"
    if result.r2 <= 0.02:
        words = f"No better than the mean curve {where} (R² {signed(result.r2)})"
    else:
        words = f"It explains {percent(result.r2)} of what the mean curve misses {where} (R² {signed(result.r2)})"
    words += f"; the smallest gap is off by {percent(result.missed)} in the median."
    if new > 3 * known and new > 0.02:
        much = "" if result.r2 <= 0.02 else "partly "
        words += f" Its training curves it knows {number(new / known, 2)} times better: {much}learned by heart."
    return words


def percent(share):
    digits = 0 if share < 0.985 else 1
    return f"{100 * share:.{digits}f} %"


def signed(r2):
    """R² with two digits, or as many as tell it from 1."""
    return number(r2, 2).replace("-", "−") if r2 < 0.99 else f"{r2:.4f}"
