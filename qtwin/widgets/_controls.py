"""Controls shared by the explorers: labelled sliders, pills, a menu, the stylesheet and accessible names."""

from pathlib import Path

import anywidget
import ipywidgets as w
from traitlets import link

_HERE = Path(__file__).parent


class Page(anywidget.AnyWidget):
    """An invisible widget that brings the stylesheet, names the controls and keeps figures as wide as their box."""

    _esm = _HERE / "page.js"
    _css = _HERE / "style.css"


class Control(w.VBox):
    """A name and a value on one line, the control below; ``show(text)`` changes the value, ``rename`` the name."""

    def __init__(self, name, control, value=True):
        self.control, self._name, self._text, self._has_value = control, name, "", value
        self.head = w.HTML()
        super().__init__([self.head, control])
        self.add_class("qtwin-control")
        if not value:
            self.add_class("qtwin-plain")
        self._draw()

    def show(self, text):
        """Write the current value on the right."""
        self._text = text
        self._draw()

    def rename(self, name):
        """Change the control's name."""
        self._name = name
        self._draw()

    def _draw(self):
        value = f'<span class="qtwin-value">{self._text}</span>' if self._has_value else ""
        self.head.value = f'<div class="qtwin-head"><span class="qtwin-name">{self._name}</span>{value}</div>'


def slider(owner, trait, name, *, low, high, step=1):
    """A slider bound to a numeric trait of ``owner``; a float trait takes a float step."""
    kind = w.IntSlider if isinstance(step, int) else w.FloatSlider
    handle = kind(value=getattr(owner, trait), min=low, max=high, step=step, readout=False)
    link((owner, trait), (handle, "value"))
    return Control(name, handle)


def pills(owner, trait, name, options):
    """A row of buttons, one of them pressed, bound to a trait; options: {label: value}."""
    buttons = w.ToggleButtons(options=list(options.items()), value=getattr(owner, trait))
    buttons.add_class("qtwin-pills")
    link((owner, trait), (buttons, "value"))
    return Control(name, buttons, value=False)


def menu(owner, trait, name, options):
    """A drop-down menu bound to a trait; options: {label: value}."""
    choice = w.Dropdown(options=list(options.items()), value=getattr(owner, trait))
    link((owner, trait), (choice, "value"))
    return Control(name, choice, value=False)


def sentence():
    """The live sentence: a box whose text a screen reader announces when it changes."""
    box = w.HTML()
    box.add_class("qtwin-sentence")
    return box
