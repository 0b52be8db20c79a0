"use strict";
// The curve viewer: chooses a table, a task and methods; draws charts; saves CSV and PNG. On curves.html its state is in the address.
(() => {
  const { make } = GRL;
  const ALL = "*", MOST = 8;
  const MEASURES = { return: "Return", success: "Success", failures: "Failures in training" };
  const POLICIES = { own: "own", executed: "executed", both: "both" };
  const UNITS = { raw: "raw", normalised: "normalised" };
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
    const quoted = (value) => /[",\n]/.test(value) ? `"${String(value).replace(/"/g, '""')}"` : value;
    return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
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

  async function start(box) {
    const { root, name, only } = box.dataset, id = `v${boxes++}`, whole = !box.dataset.table;
    const index = await GRL.load(root, "index");
    const allowed = only ? only.split("|") : index.tables.map((table) => table.id);
    const known = index.tables.filter((table) => allowed.includes(table.id));
    if (!known.length) return box.replaceChildren(make("p", { class: "faint" }, "No curves are on record."));
    const state = { table: box.dataset.table, task: box.dataset.task, methods: box.dataset.methods.split("|").filter(Boolean), policy: "own", units: "raw", measure: "return", seeds: true, band: true };
    if (whole) fromAddress(state);
    let charts = [], tasks = [];
    const table = () => known.find((one) => one.id === state.table) || known[0];
    const selects = { table: make("select", { "aria-label": "Table" }), task: make("select", { "aria-label": "Task" }) };
    const methods = make("div"), panels = make("div", { class: "panels" }), message = make("p", { class: "faint", role: "status" });

    function fromAddress() {
      const given = GRL.hash();
      for (const key of ["table", "task", "policy", "units", "measure"]) if (given[key]) state[key] = given[key];
      if (given.methods) state.methods = given.methods.split("|");
    }

    function toAddress() {
      if (!whole) return;
      const { table: t, task, policy, units, measure } = state;
      history.replaceState(null, "", "#" + new URLSearchParams({ table: t, task, methods: state.methods.join("|"), policy, units, measure }));
    }

    function draw() {
      for (const chart of charts) chart.plot.destroy();
      const several = tasks.length > 1;
      panels.classList.toggle("several", several);
      panels.replaceChildren();
      const shows = { seeds: state.seeds && !several, band: state.band };
      charts = [];
      for (const task of tasks) {
        const { lines, normal, marks } = linesOf(task, state, index.colours), panel = make("div", { class: "panel" });
        panels.append(panel);
        const unit = state.measure !== "return" ? MEASURES[state.measure].toLowerCase() : normal ? "normalised return" : "return";
        const drawn = Chart.draw(panel, { title: `${task.task}: ${MEASURES[state.measure].toLowerCase()}`, name: `${table().title}, ${task.task}`, label: unit, lines, marks, shows, height: several ? 240 : 380 });
        if (drawn) charts.push({ ...drawn, task: task.task, normal, title: `${table().title}, ${task.task}: ${unit}` });
      }
      message.textContent = state.units === "normalised" ? explained() : "";
      toAddress();
    }

    function explained() {
      const raw = tasks.filter((task) => !task.scale.normalises).map((task) => task.task);
      const words = "0 is the better of random and zero action, 100 the expert.";
      return raw.length ? `${words} No such scale, so that returns stay raw: ${raw.join(", ")}.` : words;
    }

    function offer() {
      const cells = union(tasks);
      settle(state, cells);
      methods.replaceChildren(...boxesOf(cells, state, index.colours, draw));
      for (const measure of Object.keys(MEASURES)) measures.querySelector(`[data-value="${measure}"]`).hidden = !cells.some((cell) => measured(cell, measure));
      if (!cells.some((cell) => measured(cell, state.measure))) {
        state.measure = "return";
        measures.querySelector("input").checked = true;
      }
    }

    async function load() {
      const asked = table().tasks.filter((one) => state.task === ALL || one.task === state.task);
      message.textContent = "Loading …";
      try {
        tasks = await Promise.all(asked.map((one) => GRL.load(root, one.name)));
      } catch (error) {
        message.textContent = `${error.message}. Is the site's folder whole?`;
        return;
      }
      offer();
      draw();
    }

    function fill() {
      state.table = table().id;
      selects.table.replaceChildren(...known.map((one) => make("option", { value: one.id, selected: one === table() }, one.title)));
      const named = table().tasks.map((one) => one.task);
      if (state.task !== ALL && !named.includes(state.task)) state.task = named[0];
      selects.task.replaceChildren(...named.map((one) => make("option", { value: one, selected: one === state.task }, one)),
        make("option", { value: ALL, selected: state.task === ALL }, `all ${named.length} tasks`));
      return load();
    }

    selects.table.addEventListener("change", () => { state.table = selects.table.value; fill(); });
    selects.task.addEventListener("change", () => { state.task = selects.task.value; load(); });
    const redraw = (key) => (value) => { state[key] = value; draw(); };
    const measures = radios(id, "Measure", MEASURES, state.measure, redraw("measure"));
    const check = (key, text) => make("label", {}, make("input", { type: "checkbox", checked: state[key], onchange: (event) => redraw(key)(event.target.checked) }), ` ${text}`);
    const file = () => `${state.table.replace("/", "-")}-${state.task === ALL ? "all-tasks" : state.task.replace(/[^\w.-]/g, "_")}-${state.measure}`;
    const saves = [
      make("button", { type: "button", onclick: () => GRL.save(file() + ".csv", new Blob([csv(charts, state)], { type: "text/csv" })) }, "Download CSV"),
      make("button", { type: "button", onclick: () => charts.length && Chart.picture(charts).toBlob((blob) => GRL.save(file() + ".png", blob)) }, "Download PNG"),
    ];
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", name);
    box.replaceChildren(
      make("div", { class: "choose" }, make("label", {}, "Table", selects.table), make("label", {}, "Task", selects.task)),
      methods,
      make("div", { class: "switches" }, measures, radios(id, "Policy", POLICIES, state.policy, redraw("policy")), radios(id, "Scale", UNITS, state.units, redraw("units")),
        make("fieldset", {}, make("legend", {}, "Show"), check("seeds", "every seed"), check("band", "95 % band"))),
      message, panels, make("div", { class: "buttons" }, ...saves));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    if (whole) window.addEventListener("hashchange", () => { fromAddress(); fill(); });
    await fill();
  }

  for (const box of document.querySelectorAll(".viewer")) start(box);
})();
