"""Numbers and words of the figures as text."""


def number(value: float, digits: int = 3) -> str:
    """A rounded number as text, stable against rounding noise: 0.1499 → '0.15', -1e-17 → '0'."""
    value = float(value)
    if abs(value) < 1e-9:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text and 1e3 <= abs(value) < 1e6:
        text = f"{float(text):.0f}"
    return text.replace("-", "−")


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as text in percent: 0.52 → '52.0 %'."""
    return f"{100 * float(share):.{digits}f} %"


def plain(text: str | None) -> str:
    """Text without the HTML tags that plotly understands."""
    import html
    import re

    return html.unescape(re.sub(r"<[^>]+>", "", (text or "").replace("<br>", " ")))


def subscript(k: int) -> str:
    """An integer in subscript digits: 12 → '₁₂'."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(d)] for d in str(int(k)))


def axis_title(text: str, unit: str | None) -> str:
    """'gap g(s)' and 'GHz' → 'gap g(s) (GHz)'."""
    return f"{text} ({unit})" if unit else text


def with_unit(text: str, unit: str | None) -> str:
    """'0.15' and 'GHz' → '0.15 GHz'."""
    return f"{text} {unit}" if unit else text
