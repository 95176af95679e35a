// Brings plotly.js to the page, once, and names every control of an explorer for screen readers
// (ipywidgets gives its sliders no accessible name).

function initialize({ model }) {
  stampValues(model);
  window.qtwin ??= {};
  window.qtwin.plotly ??= new Promise((resolve) => (window.qtwin.provide = resolve));
  if (window.qtwin.provided) return;
  window.qtwin.provided = true;
  unpack(model.get("plotly")).then((source) => {
    const module = { exports: {} };
    new Function("module", "exports", "define", source)(module, module.exports, undefined);
    window.qtwin.provide(module.exports);
  });
}

// A slider sends its value with the number of the problem it was moved for: the kernel drops what comes late.
function stampValues(model) {
  for (const id of model.get("sliders")) {
    model.widget_manager.get_model(id).then((slider) => {
      slider.on("change:value", () => slider.set("stamp", [slider.get("problem"), slider.get("value")]));
    });
  }
}

function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function nameControls(root) {
  for (const control of root.querySelectorAll(".qtwin-control")) {
    const name = control.querySelector(".qtwin-name")?.textContent ?? "";
    const value = control.querySelector(".qtwin-value")?.textContent ?? "";
    for (const handle of control.querySelectorAll(".noUi-handle")) {
      set(handle, "aria-label", name);
      set(handle, "aria-valuetext", value);
      set(handle, "tabindex", handle.closest("[disabled]") ? "-1" : "0");
      fill(handle);
    }
    for (const select of control.querySelectorAll("select")) set(select, "aria-label", name);
    for (const group of control.querySelectorAll(".widget-toggle-buttons, .jupyter-widget-ToggleButtons")) {
      set(group, "role", "group");
      set(group, "aria-label", name);
      for (const button of group.querySelectorAll("button")) {
        set(button, "aria-pressed", String(button.classList.contains("mod-active")));
      }
    }
  }
  for (const button of root.querySelectorAll(".qtwin-bits button")) {
    set(button, "aria-pressed", String(button.classList.contains("mod-active")));
  }
  const sentence = root.querySelector(".qtwin-sentence");
  if (sentence) {
    set(sentence, "role", "status");
    set(sentence, "aria-live", "polite");
  }
}

// the blue part of a slider's track, from the left end to the handle
function fill(handle) {
  const [low, high, now] = ["min", "max", "now"].map((end) => Number(handle.getAttribute(`aria-value${end}`)));
  const share = `${high > low ? (100 * (now - low)) / (high - low) : 0}%`;
  const track = handle.closest(".noUi-target");
  if (track && track.style.getPropertyValue("--fill") !== share) track.style.setProperty("--fill", share);
}

function set(element, attribute, value) {
  if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
}

// keys that move a control must not move the notebook too
function keepKey(event) {
  if (/^(Arrow(Left|Right|Up|Down)|Home|End|Page(Up|Down))$/.test(event.key)) event.stopPropagation();
}

function watch(root) {
  const naming = new MutationObserver(() => nameControls(root));
  naming.observe(root, { subtree: true, childList: true, characterData: true, attributeFilter: ["class", "aria-valuenow", "disabled"] });
  nameControls(root);
  root.addEventListener("keydown", keepKey);
  return () => {
    naming.disconnect();
    root.removeEventListener("keydown", keepKey);
  };
}

function render({ el }) {
  let stop = () => {};
  let tries = 0;
  const attach = () => {
    const root = el.closest(".qtwin-explorer");
    if (root) stop = watch(root);
    else if (tries++ < 600) requestAnimationFrame(attach);
  };
  attach();
  return () => {
    tries = 600;
    stop();
  };
}

export default { initialize, render };
