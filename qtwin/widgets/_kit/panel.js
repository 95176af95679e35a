// One live figure: draws `spec` with plotly and redraws it when `spec` changes or its box changes size.
// plotly.js itself comes once for each explorer, from page.js; window.qtwin.plotly is a promise of it.

function plotly() {
  window.qtwin ??= {};
  window.qtwin.plotly ??= new Promise((resolve) => (window.qtwin.provide = resolve));
  return window.qtwin.plotly;
}

const CONFIG = { displayModeBar: false, doubleClick: false, showTips: false };

async function render({ model, el }) {
  el.classList.add("qtwin-panel");
  let alive = true;
  let waiting = false;
  const Plotly = await plotly();
  const draw = () => {
    if (waiting || !alive) return;
    waiting = true; // several changes in one frame are drawn once, the last one
    requestAnimationFrame(() => {
      waiting = false;
      if (!alive) return;
      const { data, layout } = structuredClone(model.get("spec"));
      Plotly.react(el, data, layout, CONFIG);
    });
  };
  const sizing = new ResizeObserver(() => {
    if (el.data && el.clientWidth && el.clientHeight) Plotly.Plots.resize(el);
  });
  model.on("change:spec", draw);
  sizing.observe(el);
  draw();
  return () => {
    alive = false;
    sizing.disconnect();
    model.off("change:spec", draw);
    Plotly.purge(el);
  };
}

export default { render };
