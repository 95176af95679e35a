"""Numbers and words of the figures as text."""


def number(value, digits=3):
    """A rounded number as text, stable against rounding noise: 0.1499 → '0.15', -1e-17 → '0'."""
    value = float(value)
    if abs(value) < 1e-9:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text and 1e3 <= abs(value) < 1e6:
        text = f"{float(text):.0f}"
    return text.replace("-", "−")


def percent(share, digits=1):
    """A share in [0, 1] as text in percent: 0.52 → '52.0 %'."""
    return f"{100 * float(share):.{digits}f} %"


def plain(text):
    """Text without the HTML tags that plotly understands."""
    import html
    import re

    return html.unescape(re.sub(r"<[^>]+>", "", (text or "").replace("<br>", " ")))


def subscript(k):
    """An integer in subscript digits: 12 → '₁₂'."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(d)] for d in str(int(k)))


def axis_title(text, unit):
    """'gap g(s)' and 'GHz' → 'gap g(s) (GHz)'."""
    return f"{text} ({unit})" if unit else text


def with_unit(text, unit):
    """'0.15' and 'GHz' → '0.15 GHz'."""
    return f"{text} {unit}" if unit else text
