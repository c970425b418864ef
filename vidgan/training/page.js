"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const HEIGHT = 180, LEFT = 46, RIGHT = 8, TOP = 14, BOTTOM = 20;

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function shape(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  if (size >= 10000) return `${+(value / 1000).toPrecision(3)}k`;
  return String(+value.toPrecision(3));
}

/* A running mean over about a fiftieth of the curve, as far as it has come at each point. */
function smoothed(values) {
  const keep = Math.max(0, 1 - 50 / values.length);
  let sum = 0, weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = keep * sum + value;
    weight = keep * weight + 1;
    return sum / weight;
  });
}

/* What to show: nearly all values, without the few that would flatten all others. */
function range(curves) {
  const values = curves.flatMap((curve) => curve.y).filter((y) => y !== null).sort((p, q) => p - q);
  const at = (share) => values[Math.round(share * (values.length - 1))];
  let low = at(0.003), high = at(0.997);
  if (low > 0 && low < 0.6 * high) low = 0;
  const room = 0.06 * (high - low) || Math.abs(high) * 0.1 || 1;
  return [low === 0 ? 0 : low - room, high + room];
}

function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step); tick * step <= high; tick += 1) found.push(tick * step);
  return found;
}

class Chart {
  constructor(spec, number) {
    this.spec = spec;
    this.clip = `clip${number}`;
    this.lines = spec.curves.map((curve) => (spec.noisy ? smoothed(curve.y) : curve.y));
    this.values = spec.curves.map(() => element("span"));
    const legend = element("div", { className: "legend" });
    spec.curves.forEach((curve, hue) => {
      const entry = element("span", { className: `hue${hue}` }, element("i"), `${curve.label} `);
      entry.append(this.values[hue]);
      legend.append(entry);
    });
    this.svg = shape("svg", { role: "img", "aria-label": `${spec.title}: ${spec.note}` });
    this.figure = element(
      "figure", {},
      element("h3", { textContent: spec.title }),
      element("div", { className: "note", textContent: spec.note }),
      legend, this.svg,
    );
    const read = (event) => readAt(this.images(event.clientX - this.svg.getBoundingClientRect().x));
    this.svg.addEventListener("pointermove", read);
    this.svg.addEventListener("pointerdown", read);
    this.svg.addEventListener("pointerleave", () => readAt(null));
  }

  x(images) { return LEFT + (images / data.images) * (this.width - LEFT - RIGHT); }

  y(value) {
    return HEIGHT - BOTTOM - ((value - this.low) / (this.high - this.low)) * (HEIGHT - TOP - BOTTOM);
  }

  images(x) {
    const share = (x - LEFT) / (this.width - LEFT - RIGHT);
    return Math.min(1, Math.max(0, share)) * data.images;
  }

  draw() {
    this.width = Math.max(200, this.svg.clientWidth);
    [this.low, this.high] = range(this.spec.curves);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const clip = shape("clipPath", { id: this.clip });
    const inner = { width: this.width - LEFT - RIGHT + 4, height: HEIGHT - TOP - BOTTOM + 2 };
    clip.append(shape("rect", { x: LEFT - 2, y: TOP - 1, ...inner }));
    this.svg.replaceChildren(clip, ...this.axes(), ...this.marks());
    this.spec.curves.forEach((curve, hue) => {
      if (this.spec.noisy) this.svg.append(this.path(curve.x, curve.y, `curve raw hue${hue}`));
      this.svg.append(this.path(curve.x, this.lines[hue], `curve hue${hue}`));
      if (curve.x.length <= 60 && !this.spec.noisy) this.svg.append(...this.dots(curve, hue));
    });
    this.shown = this.upright("shown");
    this.cursor = this.upright("cursor");
    this.svg.append(this.shown, this.cursor);
  }

  axes() {
    const drawn = [];
    for (const tick of ticks(this.low, this.high, 4)) {
      const y = this.y(tick);
      drawn.push(shape("line", { class: "gridline", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y }));
      drawn.push(shape("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, short(tick)));
    }
    for (const tick of ticks(0, data.images, Math.max(2, this.width / 110))) {
      const x = Math.min(this.x(tick), this.width - 22);
      const anchor = tick === 0 ? "start" : "middle";
      drawn.push(shape("text", { x, y: HEIGHT - 5, "text-anchor": anchor }, short(tick)));
    }
    return drawn;
  }

  marks() {
    let last = -Infinity;
    return data.events.filter((event) => event.marked).flatMap((event) => {
      const x = this.x(event.images);
      const mark = shape("line", { class: "mark", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM });
      if (x - last < 14) return [mark];
      last = x;
      return [mark, shape("text", { class: "number", x, y: TOP - 4 }, String(event.number))];
    });
  }

  path(xs, ys, className) {
    let steps = "", pen = "M";
    ys.forEach((y, place) => {
      if (y === null) { pen = "M"; return; }
      steps += `${pen}${this.x(xs[place]).toFixed(1)},${this.y(y).toFixed(1)}`;
      pen = "L";
    });
    return shape("path", { class: className, d: steps, "clip-path": `url(#${this.clip})` });
  }

  dots(curve, hue) {
    return curve.y.flatMap((y, place) => (y === null ? [] : [shape("circle", {
      class: `dot hue${hue}`, cx: this.x(curve.x[place]), cy: this.y(y), r: 2.5,
      "clip-path": `url(#${this.clip})`,
    })]));
  }

  upright(className) {
    return shape("line", { class: className, y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  }

  place(line, images) {
    line.setAttribute("visibility", images === null ? "hidden" : "visible");
    if (images === null) return;
    line.setAttribute("x1", this.x(images));
    line.setAttribute("x2", this.x(images));
  }

  /* Say the curves' values at so many images; null: the last ones. */
  read(images) {
    this.place(this.cursor, images);
    this.spec.curves.forEach((curve, hue) => {
      let nearest = null;
      curve.x.forEach((x, place) => {
        if (this.lines[hue][place] === null) return;
        const isNearer = images === null || nearest === null
          || Math.abs(x - images) < Math.abs(curve.x[nearest] - images);
        if (isNearer) nearest = place;
      });
      this.values[hue].textContent = nearest === null ? "–" : short(this.lines[hue][nearest]);
    });
  }
}

const charts = data.charts.map((spec, number) => new Chart(spec, number));

function readAt(images) {
  for (const chart of charts) chart.read(images);
}

function drawCharts() {
  for (const chart of charts) chart.draw();
  readAt(null);
  markShown();
}

function markShown() {
  const sample = data.samples[byId("slider").value];
  for (const chart of charts) chart.place(chart.shown, sample ? sample.images : null);
}

function showSample() {
  const sample = data.samples[byId("slider").value];
  const after = `after ${whole.format(sample.images)} images`;
  byId("from-a").src = sample.a;
  byId("from-b").src = sample.b;
  byId("from-a").alt = `Pictures of A, translated to B, and back, ${after}`;
  byId("from-b").alt = `Pictures of B, translated to A, and back, ${after}`;
  byId("seen").textContent = after;
  byId("slider").setAttribute("aria-valuetext", after);
  markShown();
}

function fillRows(table, rows, labels = []) {
  for (const row of rows) {
    const cells = row.map((text, place) => {
      const cell = element("td", { textContent: text });
      if (labels[place]) cell.dataset.label = labels[place];
      return cell;
    });
    table.tBodies[0].append(element("tr", {}, ...cells));
  }
}

function fillEvents() {
  byId("quiet").textContent = data.quiet;
  byId("quiet").hidden = data.quiet === "";
  byId("events").hidden = data.events.length === 0;
  byId("marks").hidden = data.events.length === 0;
  const labels = [...byId("events").tHead.rows[0].cells].map((cell) => cell.textContent);
  const rows = data.events.map((event) => [
    event.number, whole.format(event.images), event.name, event.evidence, event.cause, event.remedy,
  ]);
  fillRows(byId("events"), rows, labels);
}

function fillScores() {
  byId("scores").hidden = false;
  byId("judged").textContent = data.scores.note;
  const table = byId("scores").querySelector("table");
  table.hidden = data.scores.rows.length === 0;
  const heads = data.scores.heads.map((text) => element("th", { textContent: text }));
  table.tHead.append(element("tr", {}, ...heads));
  fillRows(table, data.scores.rows);
}

byId("written").textContent = `Written ${data.written}; load it again to see how it went on.`;
for (const [label, text] of data.facts) {
  const [term, value] = [element("dt", { textContent: label }), element("dd", { textContent: text })];
  byId("facts").append(element("div", {}, term, value));
}
byId("charts").append(...charts.map((chart) => chart.figure));
byId("curves").hidden = charts.length === 0;
fillEvents();
if (data.scores) fillScores();
fillRows(byId("settings"), data.settings);
if (data.samples.length > 0) {
  byId("samples").hidden = false;
  byId("slider").max = data.samples.length - 1;
  byId("slider").value = data.samples.length - 1;
  byId("slider").addEventListener("input", showSample);
}
drawCharts();
if (data.samples.length > 0) showSample();
window.addEventListener("resize", drawCharts);
