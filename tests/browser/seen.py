"""What a reader sees of an explorer on a page of JupyterLab: the one page object of the browser tests.

``open_explorer(source)`` (a fixture of ``conftest``) runs a notebook of that one cell and gives its page;
``Explorer(page)`` finds the explorer on it.
"""

import numpy as np

THEMES = ("JupyterLab Light", "JupyterLab Dark")
_KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
_PLOT = ".js-plotly-plot"


def small_notebook(source):
    """A notebook of one cell with another below it, as a dict."""
    cells = [
        dict(cell_type="code", id=name, source=code, metadata={}, outputs=[], execution_count=None)
        for name, code in (("a", source), ("b", "1"))
    ]
    kernel = dict(name="python3", display_name="Python 3", language="python")
    return dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)


class Explorer:
    """The first explorer on a page, once its figures are drawn."""

    def __init__(self, page, root=".qtwin-explorer", drawn=f"{_PLOT} .scatterlayer .trace"):
        self.page, self.root = page, page.locator(root).first
        self.root.locator(drawn).first.wait_for(timeout=60_000)
        self.root.scroll_into_view_if_needed()

    # ---- what is written and drawn

    @property
    def trouble(self):
        """Errors in the console and requests to other hosts so far."""
        return self.page.trouble

    @property
    def sentence(self):
        return self.root.locator(".qtwin-sentence").inner_text().strip()

    def written(self, name):
        """The value beside the name of a control, as text."""
        return self.root.locator(".qtwin-head", has_text=name).locator(".qtwin-value").inner_text()

    def value(self, name):
        return float(self.written(name).replace("−", "-"))

    def plot(self, figure=0):
        return self.root.locator(_PLOT).nth(figure)

    def trace(self, figure, name, axis="y"):
        """Numbers of a trace by name."""
        read = "(gd, [name, axis]) => Array.from(gd.data.find((t) => t.name === name)[axis])"
        return np.array(self.plot(figure).evaluate(read, [name, axis]), float)

    def curves(self, figure):
        """The drawn curves themselves, as SVG paths."""
        lines = self.plot(figure).locator(".scatterlayer .js-line")
        return lines.evaluate_all("all => all.map((e) => e.getAttribute('d'))")

    # ---- controls

    def slider(self, name):
        return self.root.locator(f".noUi-handle[aria-label^='{name}']")

    def button(self, name):
        """The button with exactly this text."""
        return self.root.get_by_role("button", name=name, exact=True)

    @property
    def slider_names(self):
        return self.root.locator("[role=slider]").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")

    def press(self, name, key, times=1):
        """Move a slider by keyboard."""
        self.slider(name).focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    @property
    def focused(self):
        """Text of what has the focus."""
        return self.page.evaluate("document.activeElement.innerText")

    # ---- waiting

    def until(self, text, seconds=180):
        """Wait until the sentence holds ``text``."""
        self._until("root.querySelector('.qtwin-sentence').innerText.includes(x)", text, seconds)

    def until_it_starts(self, text, seconds=120):
        """Wait until the sentence starts with ``text``."""
        self._until("root.querySelector('.qtwin-sentence').innerText.trim().startsWith(x)", text, seconds)

    def until_not(self, sentence, seconds=60):
        """Wait until the sentence is another one."""
        self._until("root.querySelector('.qtwin-sentence').innerText.trim() !== x", sentence, seconds)

    def until_written(self, name, text, seconds=60):
        """Wait until the value beside the name of a control reads ``text``."""
        head = "head.innerText.startsWith(x[0]) && head.querySelector('.qtwin-value')?.innerText.trim() === x[1]"
        self._until(f"[...root.querySelectorAll('.qtwin-head')].some((head) => {head})", [name, text], seconds)

    def _until(self, condition, argument, seconds):
        arguments = [self.root.element_handle(), argument]
        self.page.wait_for_function(f"([root, x]) => {condition}", arg=arguments, timeout=1000 * seconds)
        self.page.wait_for_timeout(300)  # one frame to draw

    def rest(self):
        """Wait until the kernel has answered everything; what follows starts from a page at rest."""
        self.page.wait_for_function(f"{_KERNEL}.status === 'idle'", timeout=30_000)
        self.page.wait_for_timeout(300)

    # ---- the kernel behind it

    def run(self, code):
        """Run code in the kernel."""
        self.page.evaluate(f"code => {_KERNEL}.requestExecute({{code}}).done.then(() => null)", code)

    def kernel(self, expression):
        """repr of an expression in the kernel of the notebook."""
        ask = f"{_KERNEL}.requestExecute({{code: '', user_expressions: {{x: code}}}}).done"
        return self.page.evaluate(
            f"code => {ask}.then((r) => r.content.user_expressions.x.data['text/plain'])", expression
        )

    # ---- themes and widths

    def brightness(self, part=None, kind="color"):
        """Mean of red, green and blue of the first such element, 0 … 255; of the explorer's ground without one."""
        here, kind = (self.root, "backgroundColor") if part is None else (self.root.locator(part).first, kind)
        colour = here.evaluate("(e, kind) => getComputedStyle(e)[kind]", kind)
        return np.mean([float(v) for v in colour.split("(")[1].rstrip(")").split(",")[:3]])

    def readable_in_both_themes(self, parts, least=80):
        """In the light and the dark theme each (selector, 'color' or 'fill') stands off the ground by ``least``."""
        for theme in THEMES:
            self.page.evaluate(
                "t => void window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})", theme
            )
            light = str(theme.endswith("Light")).lower()
            self.page.wait_for_function("d => document.body.dataset.jpThemeLight === d", arg=light)
            self.page.wait_for_timeout(500)
            ground = self.brightness()
            for part, kind in parts:
                assert abs(self.brightness(part, kind) - ground) > least, f"{part} in {theme}"

    def at_width(self, width):
        """The page at this width, once it has been laid out anew: (right, bottom) edges of the explorer."""
        self.page.set_viewport_size(dict(width=width, height=1000))
        self.page.wait_for_timeout(800)
        box = self.root.bounding_box()
        return box["x"] + box["width"], box["y"] + box["height"]

    def plots_fit(self, widths=(1000, 1400), part=f"{_PLOT} .main-svg:first-child"):
        """At each width of the page every plot lies inside the explorer and is large enough to read."""
        for width in widths:
            right, _ = self.at_width(width)
            boxes = [plot.bounding_box() for plot in self.root.locator(part).all()]
            assert boxes
            for box in boxes:
                assert box["x"] + box["width"] <= right + 1 and box["width"] > 230 and box["height"] > 200
