// The schedule designer: draws s(t) as SVG, lets its points be dragged or moved by keyboard, and asks the
// kernel for the success. The kernel owns the schedule; while a point is held, the page shows its own.

const NS = "http://www.w3.org/2000/svg";
const PAD = { left: 62, right: 16, top: 12, bottom: 50 };
const NEAR = 6; // px a pointer may be off before a move counts as refused

function make(tag, attributes = {}, parent = null, text = "") {
  const element = /^(svg|g|path|line|circle|rect|text|defs|pattern|linearGradient|stop|polyline)$/.test(tag)
    ? document.createElementNS(NS, tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  parent?.append(element);
  return element;
}

function clip(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// ---- what is legal: between its neighbours a point may be anywhere in a convex polygon

function polygon(points, k, limits) {
  const [ta, sa] = points[k - 1];
  const [tb, sb] = points[k + 1];
  const cut = (shape, side) => {
    const kept = [];
    shape.forEach((p, i) => {
      const q = shape[(i + 1) % shape.length];
      const [a, b] = [side(p), side(q)];
      if (a >= 0) kept.push(p);
      if (a * b < 0) kept.push([p[0] + ((q[0] - p[0]) * a) / (a - b), p[1] + ((q[1] - p[1]) * a) / (a - b)]);
    });
    return kept;
  };
  const { slope, tick } = limits;
  let shape = [[ta + tick, sa], [tb - tick, sa], [tb - tick, sb], [ta + tick, sb]];
  shape = cut(shape, ([t, s]) => sa + slope * (t - ta) - s + 1e-12);
  return cut(shape, ([t, s]) => s - (sb - slope * (tb - t)) + 1e-12);
}

function nearest(shape, [x, y], px) {
  let best = null;
  let inside = shape.length > 2;
  let sign = 0;
  shape.forEach((p, i) => {
    const q = shape[(i + 1) % shape.length];
    const [ax, ay, bx, by] = [...px(p), ...px(q)];
    const turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax);
    if (sign && turn * sign < 0) inside = false;
    sign ||= turn;
    const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
    const u = clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1);
    const at = [ax + u * (bx - ax), ay + u * (by - ay)];
    const off = Math.hypot(at[0] - x, at[1] - y);
    if (!best || off < best.off) best = { off, at };
  });
  return inside ? { off: 0, at: [x, y] } : best;
}

function rounded(points, k, [t, s], { slope, tick }) {
  const [ta, sa] = points[k - 1];
  const [tb, sb] = points[k + 1];
  const per = Math.round(1 / tick);
  const time = clip(Math.round(t * per), Math.round(ta * per) + 1, Math.round(tb * per) - 1) / per;
  const [low, high] = [Math.max(sa, sb - slope * (tb - time)), Math.min(sb, sa + slope * (time - ta))];
  if (low > high + 1e-12) return null;
  let value = Math.round(s * 1000) / 1000;
  if (value > high) value = Math.max(Math.floor(high * 1000) / 1000, low);
  if (value < low) value = Math.min(Math.ceil(low * 1000) / 1000, high);
  return [time, value];
}

function reason(points, k, [t, s], limits) {
  const [ta, sa] = points[k - 1];
  if (k === points.length - 1) return t <= ta + (1 - sa) / limits.slope ? steep(limits) : "an anneal ends at s = 1";
  const [tb, sb] = points[k + 1];
  if (t <= ta || t >= tb) return "times rise from point to point";
  if (s < sa || s > sb) return "s must not fall";
  return steep(limits);
}

function steep({ slope }) {
  return `steeper than ${Number(slope.toPrecision(3))} per µs`;
}

// ---- the widget

class Designer {
  constructor(model, el) {
    this.model = model;
    this.me = crypto.randomUUID?.() ?? String(Math.random());
    this.asked = this.gesture = this.lastKey = 0;
    this.queue = [];
    this.waiting = false;
    this.selected = null;
    this.held = null; // the point under the pointer
    this.points = model.get("state").points;
    this.build(el);
    this.changed = () => this.answered();
    this.rescene = () => this.controls();
    model.on("change:state", this.changed);
    model.on("change:scene", this.rescene);
    this.sizing = new ResizeObserver(() => this.draw());
    this.sizing.observe(this.stage);
    this.controls();
    this.answered();
  }

  stop() {
    this.sizing.disconnect();
    this.model.off("change:state", this.changed);
    this.model.off("change:scene", this.rescene);
    clearTimeout(this.timer);
    clearTimeout(this.fading);
  }

  build(el) {
    const root = (this.root = make("div", { class: "qtwin-explorer qtwin-designer" }, el));
    root.dataset.lmSuppressShortcuts = "true"; // Lab keeps its keys to itself here
    make("div", { class: "qtwin-title" }, root, "Schedule designer");
    const lead = "Drag a point, or select it and use the arrow keys. Double-click adds a point, Delete removes one.";
    this.lead = make("div", { class: "qtwin-lead" }, root, lead);
    const bar = make("div", { class: "qtwin-bar" }, root);
    this.presets = make("div", { class: "qtwin-presets", role: "group", "aria-label": "Presets" }, bar);
    const right = make("div", { class: "qtwin-presets" }, bar);
    this.undoButton = this.button(right, "Undo", "Ctrl-Z", () => this.ask({ kind: "undo" }));
    this.redoButton = this.button(right, "Redo", "Ctrl-Y", () => this.ask({ kind: "redo" }));
    this.button(right, "Reset", "the first schedule", () => this.ask({ kind: "reset" }));
    const body = make("div", { class: "qtwin-designer-body" }, root);
    this.stage = make("div", { class: "qtwin-stage-svg" }, body);
    this.svg = make("svg", { role: "group", "aria-label": "Anneal schedule s over time, points to drag" }, this.stage);
    this.tip = make("div", { class: "qtwin-tip", hidden: "" }, this.stage);
    this.side = make("div", { class: "qtwin-side" }, body);
    this.number = make("div", { class: "qtwin-success" }, this.side);
    this.bars = make("div", { class: "qtwin-bars" }, this.side);
    const menus = make("div", { class: "qtwin-menus" }, this.side);
    this.baths = this.menu(menus, "Bath", (k) => this.ask({ kind: "bath", index: k }));
    this.times = this.menu(menus, "Total time", (_, value) => this.ask({ kind: "time", t_us: Number(value) }));
    this.words = make("div", { class: "qtwin-words", role: "status", "aria-live": "polite" }, root);
    const foot = make("div", { class: "qtwin-foot" }, root);
    this.code = make("pre", { class: "qtwin-code", tabindex: "0", "aria-label": "Ocean code" }, foot);
    const column = make("div", { class: "qtwin-foot-side" }, foot);
    this.copyButton = this.button(column, "Copy Ocean code", "", () => this.copy());
    this.meta = make("div", { class: "qtwin-small" }, column);
    root.addEventListener("keydown", (event) => this.rootKey(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointercancel", (event) => this.release(event));
    this.svg.addEventListener("dblclick", (event) => this.insert(this.inverse(this.place(event))));
  }

  button(parent, label, tip, action) {
    const button = make("button", { type: "button", title: tip }, parent, label);
    button.addEventListener("click", action);
    return button;
  }

  menu(parent, label, action) {
    const box = make("label", { class: "qtwin-menu" }, parent);
    make("span", {}, box, label);
    const select = make("select", { "aria-label": label }, box);
    select.addEventListener("change", () => action(select.selectedIndex, select.value));
    return select;
  }

  // ---- asking the kernel: one question at a time, of the steps of a drag only the last

  ask(message) {
    if (message.kind !== "points") this.clear();
    const last = this.queue.at(-1);
    if (last && message.kind === "points" && last.gesture === message.gesture) this.queue.pop();
    this.queue.push(message);
    this.pump();
  }

  // a new schedule from a button or a menu: what was refused before is over, no point is selected
  clear() {
    clearTimeout(this.fading);
    this.refused = this.selected = null;
    this.draw();
  }

  pump() {
    if (this.waiting || !this.queue.length) return;
    this.waiting = true;
    this.root.dataset.asked = ++this.asked;
    this.model.send({ ...this.queue.shift(), asked: [this.me, this.asked] });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => ((this.waiting = false), this.pump()), 20000); // a kernel that was restarted
  }

  answered() {
    const state = this.model.get("state");
    const [who, which] = state.asked;
    if (who === this.me && which === this.asked) {
      this.waiting = false;
      this.pump();
    }
    if (!this.waiting && this.held === null) this.points = state.points;
    if (this.selected >= this.points.length) this.selected = null;
    this.show(state);
    this.draw();
    if (who === this.me) this.root.dataset.answered = which;
  }

  send() {
    this.ask({ kind: "points", points: this.points, gesture: `${this.me}-${this.gesture}` });
  }

  // ---- geometry

  get size() {
    return [Math.max(this.stage.clientWidth, 240), this.stage.clientHeight || 380];
  }

  px([t, s]) {
    const [width, height] = this.size;
    const { axis } = this.model.get("state");
    const x = PAD.left + (t / axis) * (width - PAD.left - PAD.right);
    return [x, PAD.top + (1 - s) * (height - PAD.top - PAD.bottom)];
  }

  inverse([x, y]) {
    const [width, height] = this.size;
    const { axis } = this.model.get("state");
    const t = ((x - PAD.left) / (width - PAD.left - PAD.right)) * axis;
    return [clip(t, 0, axis), clip(1 - (y - PAD.top) / (height - PAD.top - PAD.bottom), 0, 1)];
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // ---- moving a point

  // the legal place nearest to where the point is wanted; refusals are said and shown
  moveTo(k, wanted) {
    const { limits } = this.model.get("scene");
    const target = this.px(wanted);
    let [place, off] = [null, 0];
    if (k === this.points.length - 1) {
      const [ta, sa] = this.points[k - 1];
      const per = Math.round(1 / limits.tick);
      const first = Math.max(Math.ceil((ta + (1 - sa) / limits.slope) * per - 1e-9), Math.round(ta * per) + 1) / per;
      place = [Math.max(Math.round(wanted[0] * per) / per, first), 1];
      off = Math.hypot(...this.px(place).map((x, i) => x - target[i]));
    } else {
      const near = nearest(polygon(this.points, k, limits), target, (p) => this.px(p));
      if (near) [place, off] = [rounded(this.points, k, this.inverse(near.at), limits), near.off];
    }
    this.refused = off > NEAR ? { at: target, why: reason(this.points, k, wanted, limits) } : null;
    if (place && String(place) !== String(this.points[k])) {
      this.points = this.points.map((p, i) => (i === k ? place : p));
      this.send();
    }
    this.draw();
  }

  grab(event, k) {
    event.preventDefault();
    event.stopPropagation();
    if (event.button > 0) return;
    this.gesture += 1;
    clearTimeout(this.fading); // what was refused before is over
    this.refused = null;
    [this.held, this.selected] = [k, k];
    this.svg.setPointerCapture(event.pointerId);
    this.draw();
    this.focus(k);
  }

  move(event) {
    if (this.held !== null) this.moveTo(this.held, this.inverse(this.place(event)));
  }

  release() {
    if (this.held === null) return;
    this.held = null;
    this.fade();
    this.draw();
  }

  fade() {
    clearTimeout(this.fading);
    this.fading = setTimeout(() => ((this.refused = null), this.draw()), 2500);
  }

  insert([t, s]) {
    const { limits } = this.model.get("scene");
    const after = this.points.findIndex((p) => p[0] > t);
    if (after < 1) return;
    if (this.points.length >= limits.points) {
      this.refused = { at: this.px([t, s]), why: `at most ${limits.points} points` };
      this.fade();
      return this.draw();
    }
    const points = [...this.points.slice(0, after), [t, s], ...this.points.slice(after)];
    const near = nearest(polygon(points, after, limits), this.px([t, s]), (p) => this.px(p));
    const place = near && rounded(points, after, this.inverse(near.at), limits);
    if (!place) return;
    this.points = points.map((p, i) => (i === after ? place : p));
    this.gesture += 1;
    this.selected = after;
    this.send();
    this.draw();
    this.focus(after);
  }

  remove(k) {
    const { limits } = this.model.get("scene");
    if (k <= 0 || k >= this.points.length - 1) return;
    const [[ta, sa], [tb, sb]] = [this.points[k - 1], this.points[k + 1]];
    if (sb - sa > limits.slope * (tb - ta) * (1 + 1e-9)) return;
    this.points = this.points.filter((_, i) => i !== k);
    this.gesture += 1;
    this.selected = Math.min(k, this.points.length - 1);
    this.send();
    this.draw();
    this.focus(this.selected);
  }

  pointKey(event, k) {
    const far = event.shiftKey ? 10 : 1;
    const { axis } = this.model.get("state");
    const fine = event.altKey ? 0.01 : Math.max(0.01, Math.round(axis * 0.5) / 100);
    const steps = { ArrowLeft: [-fine, 0], ArrowRight: [fine, 0], ArrowDown: [0, -0.01], ArrowUp: [0, 0.01] };
    const step = steps[event.key];
    if (step) {
      if (event.timeStamp - this.lastKey > 800 || this.lastPoint !== k) this.gesture += 1; // one burst, one undo
      [this.lastKey, this.lastPoint] = [event.timeStamp, k];
      this.key = true;
      const [t, s] = this.points[k];
      this.moveByKey(k, [clip(t + far * step[0], 0, axis), clip(s + far * step[1], 0, 1)]);
    } else if (event.key === "Delete" || event.key === "Backspace") this.remove(k);
    else if (event.key === "Insert" || event.key === "+") {
      const [a, b] = [this.points[Math.min(k, this.points.length - 2)], this.points[Math.min(k + 1, this.points.length - 1)]];
      this.insert([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // by keyboard any move that changes nothing is a refusal
  moveByKey(k, wanted) {
    const before = String(this.points[k]);
    this.moveTo(k, wanted);
    if (String(this.points[k]) === before && String(wanted) !== before) {
      this.refused = { at: this.px(this.points[k]), why: reason(this.points, k, wanted, this.model.get("scene").limits) };
      this.draw();
    }
    this.fade();
  }

  rootKey(event) {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
      this.ask({ kind: key === "y" || event.shiftKey ? "redo" : "undo" });
      event.preventDefault();
      event.stopPropagation();
    } else if (/^(arrow|delete|backspace|home|end|page)/.test(key)) event.stopPropagation();
  }

  focus(k) {
    this.handles?.[k]?.focus({ preventScroll: true });
  }

  // ---- drawing

  controls() {
    const scene = this.model.get("scene");
    this.presets.replaceChildren();
    for (const [name, label, tip] of scene.presets) {
      this.button(this.presets, label, tip, () => this.ask({ kind: "preset", name })).className = "qtwin-pill";
    }
    make("span", { class: "qtwin-pill qtwin-own" }, this.presets, "Your own");
    const options = (rows) => rows.map(([value, text]) => make("option", { value }, null, text));
    this.baths.replaceChildren(...options(scene.baths.map((name, k) => [k, name])));
    const times = scene.times.map((time) => [time, `${time} µs`]);
    this.times.replaceChildren(...options([["", "other"], ...times]));
    this.times.options[0].disabled = true;
    this.lead.title = scene.lead;
  }

  show(state) {
    const scene = this.model.get("scene");
    const clear = Math.abs(state.gain) > (state.half ?? 0) && Math.abs(state.gain) >= 0.0005;
    const tone = clear ? (state.gain > 0 ? "good" : "bad") : "plain";
    this.number.replaceChildren();
    make("div", { class: "qtwin-small qtwin-strong" }, this.number, `Success of one anneal (emulated, ${scene.degrees})`);
    make("div", { class: "qtwin-big" }, this.number, `${(100 * state.success).toFixed(1)} %`);
    make("div", { class: `qtwin-gain qtwin-${tone}` }, this.number, gainWords(state.gain, state.half));
    this.showBars(state.bars);
    this.sentence(state.sentence, state.tone);
    this.code.textContent = state.code;
    const end = state.points.at(-1)[0];
    const steepest = Math.max(...state.points.slice(1).map(([t, s], i) => (s - state.points[i][1]) / (t - state.points[i][0])));
    this.meta.textContent =
      `${state.points.length} points of ${scene.limits.points} · ${Number(end.toFixed(2))} µs · ` +
      `steepest slope ${Number(steepest.toPrecision(2))} of ${Number(scene.limits.slope.toPrecision(3))} per µs`;
    this.baths.selectedIndex = state.bath;
    this.times.selectedIndex = 1 + scene.times.indexOf(end);
    [...this.presets.children].forEach((pill, i) => {
      const [name] = scene.presets[i] ?? [""];
      pill.toggleAttribute("data-on", name === state.preset);
      if (name) pill.setAttribute("aria-pressed", name === state.preset);
    });
    [this.undoButton.disabled, this.redoButton.disabled] = [!state.undo, !state.redo];
  }

  sentence(text, tone) {
    this.words.textContent = text;
    this.words.className = `qtwin-words qtwin-${tone}`;
  }

  showBars(bars) {
    this.bars.replaceChildren();
    make("div", { class: "qtwin-small qtwin-strong" }, this.bars, "Where the reads end (energy above the best)");
    for (const [label, share, linear] of bars) {
      const row = make("div", { class: "qtwin-row" }, this.bars);
      make("span", { class: "qtwin-level" }, row, label);
      const track = make("span", { class: "qtwin-track" }, row);
      for (const [name, part] of [["share", share], ["linear", linear]]) {
        if (part >= 0.002) make("i", { class: `qtwin-${name}`, style: `width:${100 * part}%` }, track);
      }
      make("span", { class: "qtwin-percent" }, row, `${(100 * share).toFixed(1)} %`);
    }
    make("div", { class: "qtwin-small" }, this.bars, "filled: this schedule · dotted: linear");
  }

  draw() {
    const state = this.model.get("state");
    const scene = this.model.get("scene");
    const [width, height] = this.size;
    const focused = this.handles?.indexOf(document.activeElement) ?? -1;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (this.held === null || !this.layer) this.frame(state, scene, width, height);
    this.layer.replaceChildren();
    this.hatch(scene);
    const path = (points) => points.map((p) => this.px(p).map((x) => x.toFixed(1)).join(",")).join(" ");
    const end = this.points.at(-1)[0];
    make("polyline", { class: "qtwin-dotted", points: path([[0, 0], [end, 1]]) }, this.layer);
    make("polyline", { class: "qtwin-line", points: path(this.points) }, this.layer);
    this.dots();
    if (this.refused) this.cross(this.refused);
    this.tooltip();
    if (focused >= 0) this.focus(Math.min(focused, this.handles.length - 1));
    if (this.refused) this.sentence(`Not allowed: ${this.refused.why}. The point stays at the border.`, "bad");
    else if (this.words.dataset.refused) this.sentence(state.sentence, state.tone);
    this.words.dataset.refused = this.refused ? "1" : "";
    this.root.dataset.refused = this.refused?.why ?? "";
  }

  frame(state, scene, width, height) {
    this.svg.replaceChildren();
    const [[x0, y1], [x1, y0]] = [this.px([0, 1]), this.px([state.axis, 0])];
    const id = `qtwin-${this.me}`;
    const defs = make("defs", {}, this.svg);
    const band = make("linearGradient", { id: `${id}-band`, x1: 0, x2: 0, y1: 1, y2: 0 }, defs);
    scene.band.forEach((alpha, i) => {
      const look = { offset: i / (scene.band.length - 1), "stop-color": "#009E73", "stop-opacity": 0.36 * alpha ** 2 };
      make("stop", look, band);
    });
    const lines = make("pattern", { id: `${id}-hatch`, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, defs);
    make("line", { x1: 0, x2: 0, y1: 0, y2: 7, stroke: "#D55E00", "stroke-width": 1.6, "stroke-opacity": 0.6 }, lines);
    make("rect", { class: "qtwin-band", x: x0, y: y1, width: x1 - x0, height: y0 - y1, fill: `url(#${id}-band)` }, this.svg);
    for (const s of [0, 0.25, 0.5, 0.75, 1]) {
      const y = this.px([0, s])[1];
      make("line", { class: "qtwin-gridline", x1: x0, x2: x1, y1: y, y2: y }, this.svg);
      make("text", { class: "qtwin-tick", x: x0 - 10, y: y + 4.5, "text-anchor": "end" }, this.svg, String(s));
    }
    for (const t of ticks(state.axis, width < 420 ? 3 : 5)) {
      const x = this.px([t, 0])[0];
      make("line", { class: "qtwin-gridline", x1: x, x2: x, y1: y1, y2: y0 }, this.svg);
      make("text", { class: "qtwin-tick", x, y: y0 + 19, "text-anchor": "middle" }, this.svg, String(Number(t.toPrecision(6))));
    }
    make("text", { class: "qtwin-axis", x: (x0 + x1) / 2, y: height - 8, "text-anchor": "middle" }, this.svg, "time t (µs)");
    const turn = `translate(16 ${(y0 + y1) / 2}) rotate(-90)`;
    make("text", { class: "qtwin-axis", transform: turn, "text-anchor": "middle" }, this.svg, "anneal fraction s");
    const y = this.px([0, scene.gap.s])[1];
    make("line", { class: "qtwin-gapline", x1: x0, x2: x1, y1: y, y2: y }, this.svg);
    make("text", { class: "qtwin-gaptext", x: x1 - 6, y: y + (scene.gap.s < 0.08 ? -6 : 16), "text-anchor": "end" }, this.svg, scene.gap.text);
    this.layer = make("g", {}, this.svg);
    this.hatchFill = `url(#${id}-hatch)`;
  }

  // where the point may not go, while it is held or moved by keyboard
  hatch(scene) {
    const k = this.held;
    if (k === null || k === this.points.length - 1) return;
    const [ta, tb] = [this.points[k - 1][0], this.points[k + 1][0]];
    const outline = (shape) => shape.map((p, i) => (i ? "L" : "M") + this.px(p).map((x) => x.toFixed(1)).join(" ")).join("") + "Z";
    const column = outline([[ta, 0], [tb, 0], [tb, 1], [ta, 1]]);
    const free = outline(polygon(this.points, k, scene.limits));
    make("path", { class: "qtwin-forbidden", d: column + free, "fill-rule": "evenodd", fill: this.hatchFill }, this.layer);
  }

  dots() {
    this.handles = this.points.map((point, k) => {
      const [x, y] = this.px(point);
      if (k === 0) return make("circle", { class: "qtwin-dot qtwin-fixed", cx: x, cy: y, r: 5 }, this.layer);
      const group = make("g", { class: "qtwin-point", tabindex: 0, role: "slider" }, this.layer);
      group.setAttribute("aria-label", `Point ${k + 1} of ${this.points.length}`);
      group.setAttribute("aria-valuetext", label(point));
      for (const [name, value] of [["now", point[1]], ["min", 0], ["max", 1]]) group.setAttribute(`aria-value${name}`, value);
      make("circle", { class: "qtwin-ring", cx: x, cy: y, r: 12 }, group);
      make("circle", { class: `qtwin-dot${k === this.selected ? " qtwin-selected" : ""}`, cx: x, cy: y, r: 6 }, group);
      group.addEventListener("pointerdown", (event) => this.grab(event, k));
      group.addEventListener("keydown", (event) => this.pointKey(event, k));
      group.addEventListener("dblclick", (event) => event.stopPropagation());
      group.addEventListener("focus", () => this.pick(k));
      return group;
    });
  }

  pick(k) {
    if (this.selected === k) return;
    this.selected = k;
    this.handles.forEach((handle, i) => handle.lastChild?.classList.toggle("qtwin-selected", i === k));
    this.tooltip();
  }

  cross({ at: [x, y] }) {
    const d = `M${x - 7} ${y - 7}L${x + 7} ${y + 7}M${x - 7} ${y + 7}L${x + 7} ${y - 7}`;
    make("path", { class: "qtwin-cross", d }, this.layer);
  }

  tooltip() {
    const k = this.selected;
    this.tip.hidden = k === null || !this.points[k];
    if (this.tip.hidden) return;
    const [x, y] = this.px(this.points[k]);
    const [width, height] = this.size;
    this.tip.textContent = label(this.points[k]);
    const right = x + 160 < width; // s(t) rises, so that right below and left above a point there is room
    this.tip.style.left = `${right ? x + 82 : Math.max(x - 82, 74)}px`;
    this.tip.style.top = `${right ? Math.min(y + 14, height - PAD.bottom - 34) : Math.max(y - 44, 4)}px`;
  }

  async copy() {
    const text = this.model.get("state").code;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", {}, this.root);
      area.value = text;
      area.select();
      document.execCommand("copy"); // pages without https have no clipboard object
      area.remove();
    }
    this.copyButton.textContent = "Copied";
    setTimeout(() => (this.copyButton.textContent = "Copy Ocean code"), 1500);
  }
}

// '+0.52 ± 0.03 points over linear'
function gainWords(gain, half) {
  if (Math.abs(gain) < 5e-5 && (half ?? 0) < 5e-5) return "the same as linear";
  const digits = half !== null && half < 0.001 ? 2 : 1;
  const value = (gain < 0 ? "−" : "+") + Math.abs(100 * gain).toFixed(digits);
  return `${value}${half === null ? "" : ` ± ${(100 * half).toFixed(digits)}`} points over linear`;
}

function label([t, s]) {
  return `t ${Number(t.toFixed(2))} µs · s ${Number(s.toFixed(3))}`;
}

function ticks(end, count) {
  const raw = end / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= raw * 0.8);
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => i * step);
}

function render({ model, el }) {
  const designer = new Designer(model, el);
  return () => designer.stop();
}

export default { render };
