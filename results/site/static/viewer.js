"use strict";
// The curve viewer: chooses a table, a task and methods; draws charts; saves CSV and PNG. On curves.html its state is in the address.
(() => {
  const { make } = GRL;
  const ALL = "*", MOST = 8;
  const MEASURES = { return: "Return", success: "Success", failures: "Failures in training" };
  const POLICIES = { own: "own", executed: "executed", both: "both" };
  const UNITS = { raw: "raw", normalised: "normalised" };
  const KEPT = ["table", "task", "policy", "units", "measure"];
  let boxes = 0;

  const label = (cell) => cell.variant ? `${cell.method} (${cell.variant})` : cell.method;
  const chosen = (state, cell) => state.methods.includes(label(cell));
  const measured = (cell, measure) => cell.series.some((one) => one.measure === measure);

  // What is drawn first: of each method that was asked for its main cell, or two variants; else the methods of the comparison.
  function settle(state, cells) {
    const missing = state.methods.filter((name) => !cells.some((cell) => label(cell) === name));
    const variants = missing.flatMap((name) => cells.filter((cell) => cell.method === name).slice(0, 2));
    const drawn = cells.filter((cell) => chosen(state, cell) || variants.includes(cell));
    const main = cells.filter((cell) => cell.main);
    state.methods = (drawn.length ? drawn : (main.length ? main : cells).slice(0, MOST)).map(label);
  }

  // Lines of one task as `Chart.draw` takes them. A method whose own policy is all that acts is the same in both.
  function linesOf(task, state, colours) {
    const scale = task.scale, normal = state.units === "normalised" && state.measure === "return" && scale.normalises;
    const read = (value) => value === null || !normal ? value : 100 * (value - scale.floor) / (scale.expert - scale.floor);
    const found = [];
    for (const cell of task.cells.filter((one) => chosen(state, one))) {
      const mine = cell.series.filter((one) => one.measure === state.measure);
      const others = mine.filter((one) => one.protocol !== "policy" && one.protocol !== "training");
      for (const one of mine) {
        const own = !others.includes(one);
        if (state.policy === "own" && !own || state.policy === "executed" && own && others.length) continue;
        const values = one.values.map((seed) => seed.map(read));
        const mean = one.steps.map((_, at) => values.reduce((sum, seed) => sum + seed[at], 0) / values.length);
        found.push({
          cell, protocol: one.protocol, name: label(cell) + (own ? "" : `, ${one.protocol}`), colour: colours[cell.method] || "#777777",
          dashed: !own, steps: one.steps, seeds: one.seeds, values, mean, low: one.low.map(read), high: one.high.map(read),
        });
      }
    }
    return { lines: apart(found), normal, marks: marksOf(task, state, normal, read) };
  }

  // Variants of one method share its colour, so that the second and later ones are dashed.
  function apart(lines) {
    const seen = new Set();
    for (const line of lines) {
      const key = line.colour + line.dashed;
      line.dashed = line.dashed || seen.has(key);
      seen.add(key);
    }
    return lines;
  }

  function marksOf(task, state, normal, read) {
    if (state.measure !== "return") return [];
    const experts = task.cells.filter((cell) => chosen(state, cell) && cell.expert !== null).map((cell) => cell.expert);
    const marks = [...new Set(experts)].map((value) => ({ value: read(value), name: "its expert", wanted: true }));
    if (task.scale.random !== null) marks.push({ value: read(task.scale.random), name: "random", wanted: false });
    return marks;
  }

  function csv(charts, state) {
    const rows = [["table", "preset", "task", "cell", "method", "variant", "measure", "policy", "unit", "seed", "step", "value", "low", "high"]];
    for (const { lines, task, normal } of charts) {
      for (const line of lines) {
        const head = [...state.table.split("/"), task, line.cell.cell, line.cell.method, line.cell.variant, state.measure, line.protocol, normal ? "normalised" : "raw"];
        line.seeds.forEach((seed, i) => line.steps.forEach((step, at) => rows.push([...head, seed, step, line.values[i][at], "", ""])));
        line.steps.forEach((step, at) => rows.push([...head, "mean", step, line.mean[at], line.low[at] ?? "", line.high[at] ?? ""]));
      }
    }
    return GRL.csv(rows);
  }

  function radios(id, legend, values, now, change) {
    const inputs = Object.entries(values).map(([value, text]) => make("label", { "data-value": value },
      make("input", { type: "radio", name: `${id}-${legend}`, value, checked: value === now, onchange: () => change(value) }), ` ${text}`));
    return make("fieldset", {}, make("legend", {}, legend), ...inputs);
  }

  function boxesOf(cells, state, colours, draw) {
    const one = (cell) => make("label", {}, make("input", {
      type: "checkbox", value: label(cell), checked: chosen(state, cell),
      onchange: (event) => {
        state.methods = cells.filter((other) => other === cell ? event.target.checked : chosen(state, other)).map(label);
        draw();
      },
    }), " ", make("i", { class: "swatch", style: `--c:${colours[cell.method] || "#777777"}` }), label(cell));
    const main = cells.filter((cell) => cell.main), others = cells.filter((cell) => !cell.main);
    const found = [make("fieldset", {}, make("legend", {}, "Methods"), ...main.map(one))];
    if (others.length) {
      const open = others.some((cell) => chosen(state, cell));
      found.push(make("details", { open }, make("summary", {}, `Variants (${others.length})`), make("fieldset", {}, make("legend", { class: "unseen" }, "Variants"), ...others.map(one))));
    }
    return found;
  }

  // Of several tasks, a cell for each method and variant that ran on any.
  function union(tasks) {
    const found = new Map();
    for (const cell of tasks.flatMap((task) => task.cells)) if (!found.has(label(cell))) found.set(label(cell), cell);
    return [...found.values()].sort((a, b) => b.main - a.main);
  }

  // One viewer: `box` says where it begins; without a table it is the page's own, whose state is in the address.
  class Viewer {
    constructor(box, index) {
      const { root, name, only, table, task, methods } = box.dataset;
      Object.assign(this, { box, root, name, index, id: `v${boxes++}`, whole: !table, charts: [], tasks: [] });
      this.known = index.tables.filter((one) => !only || only.split("|").includes(one.id));
      this.state = { table, task, methods: methods.split("|").filter(Boolean), policy: "own", units: "raw", measure: "return", seeds: true, band: true };
      if (this.whole) this.fromAddress();
    }

    get table() {
      return this.known.find((one) => one.id === this.state.table) || this.known[0];
    }

    fromAddress() {
      const given = GRL.hash();
      for (const key of KEPT) if (given[key]) this.state[key] = given[key];
      if (given.methods) this.state.methods = given.methods.split("|");
    }

    toAddress() {
      if (!this.whole) return;
      const kept = Object.fromEntries(KEPT.map((key) => [key, this.state[key]]));
      history.replaceState(null, "", "#" + new URLSearchParams({ ...kept, methods: this.state.methods.join("|") }));
    }

    build() {
      const { state, box } = this, set = (key) => (value) => { state[key] = value; this.draw(); };
      this.selects = { table: make("select", { "aria-label": "Table" }), task: make("select", { "aria-label": "Task" }) };
      this.selects.table.addEventListener("change", () => { state.table = this.selects.table.value; this.fill(); });
      this.selects.task.addEventListener("change", () => { state.task = this.selects.task.value; this.load(); });
      this.methods = make("div");
      this.panels = make("div", { class: "panels" });
      this.message = make("p", { class: "faint", role: "status" });
      this.measures = radios(this.id, "Measure", MEASURES, state.measure, set("measure"));
      const check = (key, text) => make("label", {}, make("input", { type: "checkbox", checked: state[key], onchange: (event) => set(key)(event.target.checked) }), ` ${text}`);
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", this.name);
      box.replaceChildren(
        make("div", { class: "choose" }, make("label", {}, "Table", this.selects.table), make("label", {}, "Task", this.selects.task)),
        this.methods,
        make("div", { class: "switches" }, this.measures,
          radios(this.id, "Policy", POLICIES, state.policy, set("policy")), radios(this.id, "Scale", UNITS, state.units, set("units")),
          make("fieldset", {}, make("legend", {}, "Show"), check("seeds", "every seed"), check("band", "95 % band"))),
        this.message, this.panels,
        make("div", { class: "buttons" },
          make("button", { type: "button", onclick: () => this.saveCsv() }, "Download CSV"),
          make("button", { type: "button", onclick: () => this.savePng() }, "Download PNG")));
      return this.fill();
    }

    fill() {
      const { state, known, selects } = this, named = this.table.tasks.map((one) => one.task);
      state.table = this.table.id;
      if (state.task !== ALL && !named.includes(state.task)) state.task = named[0];
      const option = (value, text, selected) => make("option", { value, selected }, text);
      selects.table.replaceChildren(...known.map((one) => option(one.id, one.title, one === this.table)));
      selects.task.replaceChildren(...named.map((one) => option(one, one, one === state.task)), option(ALL, `all ${named.length} tasks`, state.task === ALL));
      return this.load();
    }

    async load() {
      const asked = this.table.tasks.filter((one) => this.state.task === ALL || one.task === this.state.task);
      this.message.textContent = "Loading …";
      try {
        this.tasks = await Promise.all(asked.map((one) => GRL.load(this.root, one.name)));
      } catch (error) {
        this.message.textContent = `${error.message}. Is the site's folder whole?`;
        return;
      }
      this.offer();
      this.draw();
    }

    // Methods and measures that these tasks have.
    offer() {
      const { state, measures } = this, cells = union(this.tasks);
      settle(state, cells);
      this.methods.replaceChildren(...boxesOf(cells, state, this.index.colours, () => this.draw()));
      for (const measure of Object.keys(MEASURES)) measures.querySelector(`[data-value="${measure}"]`).hidden = !cells.some((cell) => measured(cell, measure));
      if (cells.some((cell) => measured(cell, state.measure))) return;
      state.measure = "return";
      measures.querySelector("input").checked = true;
    }

    draw() {
      const { state, tasks, panels } = this, several = tasks.length > 1;
      for (const chart of this.charts) chart.plot.destroy();
      panels.classList.toggle("several", several);
      panels.replaceChildren();
      this.charts = tasks.map((task) => this.drawOne(task, several)).filter(Boolean);
      this.message.textContent = state.units === "normalised" ? this.explained() : "";
      this.toAddress();
    }

    drawOne(task, several) {
      const { state } = this, { lines, normal, marks } = linesOf(task, state, this.index.colours);
      const unit = state.measure !== "return" ? MEASURES[state.measure].toLowerCase() : normal ? "normalised return" : "return";
      const panel = make("div", { class: "panel" }), name = `${this.table.title}, ${task.task}`;
      this.panels.append(panel);
      const shows = { seeds: state.seeds && !several, band: state.band };
      const drawn = Chart.draw(panel, { title: `${task.task}: ${MEASURES[state.measure].toLowerCase()}`, name, label: unit, lines, marks, shows, height: several ? 240 : 380 });
      return drawn && { ...drawn, task: task.task, normal, title: `${name}: ${unit}` };
    }

    explained() {
      const raw = this.tasks.filter((task) => !task.scale.normalises).map((task) => task.task);
      const words = "0 is the better of random and zero action, 100 the expert.";
      return raw.length ? `${words} No such scale, so that returns stay raw: ${raw.join(", ")}.` : words;
    }

    get file() {
      const { table, task, measure } = this.state;
      return `${table.replace("/", "-")}-${task === ALL ? "all-tasks" : task.replace(/[^\w.-]/g, "_")}-${measure}`;
    }

    saveCsv() {
      GRL.save(`${this.file}.csv`, new Blob([csv(this.charts, this.state)], { type: "text/csv" }));
    }

    savePng() {
      if (this.charts.length) Chart.picture(this.charts).toBlob((blob) => GRL.save(`${this.file}.png`, blob));
    }
  }

  async function start(box) {
    const viewer = new Viewer(box, await GRL.load(box.dataset.root, "index"));
    if (!viewer.known.length) return box.replaceChildren(make("p", { class: "faint" }, "No curves are on record."));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => viewer.draw());
    if (viewer.whole) window.addEventListener("hashchange", () => { viewer.fromAddress(); viewer.fill(); });
    return viewer.build();
  }

  for (const box of document.querySelectorAll(".viewer")) start(box);
})();
