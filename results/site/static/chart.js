"use strict";
// One chart: lines of every seed, means with bands, a read-out that pointer and arrow keys move, values as a table.
const Chart = (() => {
  const { make, number, steps } = GRL;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;

  // The colour as the theme shows it: lighter on a dark page.
  function tone(colour, alpha) {
    const part = (at) => parseInt(colour.slice(at, at + 2), 16), share = dark() ? 0.38 : 0;
    const mixed = [1, 3, 5].map((at) => Math.round(part(at) + (255 - part(at)) * share));
    return `rgba(${mixed.join(",")},${alpha})`;
  }

  // Lines as one table for uPlot: x, then all bands' edges, all seeds, all means, so that no band covers a mean.
  // `places` says of each line where its low, high, mean and first seed are.
  function join(lines) {
    const joined = uPlot.join(lines.map((line) => [line.steps, line.low, line.high, line.mean, ...line.values]));
    const seeds = lines.reduce((sum, line) => sum + line.values.length, 0);
    const data = [joined[0]], places = [];
    let from = 1, seed = 1 + 2 * lines.length;
    lines.forEach((line, i) => {
      const place = { low: 1 + 2 * i, high: 2 + 2 * i, mean: 1 + 2 * lines.length + seeds + i, seed };
      [place.low, place.high, place.mean].forEach((at, offset) => { data[at] = joined[from + offset]; });
      line.values.forEach((_, offset) => { data[seed + offset] = joined[from + 3 + offset]; });
      from += 3 + line.values.length;
      seed += line.values.length;
      places.push(place);
    });
    return { data, places };
  }

  function series(lines, places, shows) {
    const all = [{}], bands = [], count = lines.reduce((sum, line) => sum + line.values.length, 0);
    const faint = Math.max(0.12, Math.min(0.35, 8 / count)), shade = lines.length > 4 ? 0.12 : 0.2;
    const style = { spanGaps: true, points: { show: false } };
    lines.forEach((line, i) => {
      const { low, high, mean, seed } = places[i], dash = line.dashed ? [7, 4] : undefined;
      all[low] = { ...style, stroke: "transparent", width: 0, show: shows.band };
      all[high] = { ...style, stroke: "transparent", width: 0, show: shows.band };
      all[mean] = { ...style, stroke: () => tone(line.colour, 1), width: 2.2, dash };
      line.values.forEach((_, offset) => {
        all[seed + offset] = { ...style, stroke: () => tone(line.colour, faint), width: 1, dash, show: shows.seeds };
      });
      if (shows.band) bands.push({ series: [high, low], fill: () => tone(line.colour, line.dashed ? shade / 2 : shade) });
    });
    return { all, bands };
  }

  // Level lines with their names, drawn on the canvas.
  function levels(marks) {
    return (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      for (const mark of marks) {
        const y = plot.valToPos(mark.value, "y", true);
        if (y < bbox.top || y > bbox.top + bbox.height) continue;
        ctx.strokeStyle = ctx.fillStyle = css("--faint");
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        ctx.textAlign = "right";
        ctx.fillText(mark.name, bbox.left + bbox.width - 4, y - 4 * devicePixelRatio);
      }
      ctx.restore();
    };
  }

  function options({ all, bands }, marks, size, label, move) {
    const axis = { stroke: () => css("--faint"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { stroke: () => css("--line") } };
    const reach = (plot, low, high) => {
      const wide = [low, high, ...marks.filter((mark) => mark.wanted).map((mark) => mark.value)].filter((v) => v !== null);
      return wide.length ? uPlot.rangeNum(Math.min(...wide), Math.max(...wide), 0.08, true) : [0, 1];
    };
    return {
      ...size, series: all, bands,
      scales: { x: { time: false }, y: { range: reach } },
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { show: false } },
      axes: [
        { ...axis, values: (plot, ticks) => ticks.map(steps), label: "environment steps", labelSize: 22, size: 34 },
        { ...axis, values: (plot, ticks) => ticks.map((tick) => number(tick).replace(/\.0+$/, "")), label, labelSize: 20, size: 56 },
      ],
      hooks: { draw: [levels(marks)], setCursor: [(plot) => move(plot.cursor.idx)] },
    };
  }

  const known = (value) => value !== null && value !== undefined;
  const read = (data, place, at) => ({ low: data[place.low][at], mean: data[place.mean][at], high: data[place.high][at] });

  // The value of each line at an index of the joined x.
  function readout(box, lines, data, places, index) {
    const at = index === null || index === undefined ? data[0].length - 1 : index;
    const rows = lines.map((line, i) => {
      const { low, mean, high } = read(data, places[i], at), band = known(low) ? `[${number(low)}, ${number(high)}]` : "";
      const name = make("th", { scope: "row", class: "l" }, make("i", { class: "swatch", style: `--c:${line.colour}` }), line.name);
      return make("tr", {}, name, make("td", {}, number(mean)), make("td", {}, band), make("td", {}, String(line.seeds.length)));
    });
    const head = make("tr", {}, ...[`At ${steps(data[0][at])} steps`, "Mean", "95 %", "Seeds"].map((text, i) => make("th", { scope: "col", class: i ? null : "l" }, text)));
    box.replaceChildren(make("table", { class: "read" }, make("thead", {}, head), make("tbody", {}, ...rows)));
  }

  // All means as a table, made when it is asked for.
  function asTable(lines, data, places) {
    const head = make("tr", {}, make("th", { scope: "col", class: "l" }, "Steps"), ...lines.map((line) => make("th", { scope: "col" }, line.name)));
    const rows = [...data[0].keys()].map((at) => make("tr", {}, make("th", { scope: "row", class: "l" }, steps(data[0][at])),
      ...lines.map((line, i) => {
        const { low, mean, high } = read(data, places[i], at);
        return make("td", {}, known(low) ? `${number(mean)} [${number(low)}, ${number(high)}]` : number(mean));
      })));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  }

  // Draws into `panel`. Lines have name, colour, dashed, steps [n], mean, low, high [n], seeds and values [seeds][n].
  function draw(panel, { title, name, label, lines, marks, shows, height }) {
    panel.replaceChildren();
    if (title) panel.append(make("h3", {}, title));
    if (!lines.length) {
      panel.append(make("p", { class: "faint" }, "Nothing that was chosen has such values on this task."));
      return null;
    }
    const { data, places } = join(lines);
    const said = `${name}. ${lines.map((line) => `${line.name} ends at ${number(line.mean.at(-1))}`).join(", ")}.`;
    const place = make("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": said + " The arrow keys read values." });
    const box = make("div", { class: "readout scroll" });
    const spoken = make("p", { class: "unseen", role: "status" });
    const table = make("details", { class: "notes" }, make("summary", {}, "Values as a table"));
    table.addEventListener("toggle", () => {
      if (table.open && table.children.length === 1) table.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Values as a table" }, asTable(lines, data, places)));
    });
    panel.append(place, box, spoken, table);
    let index = data[0].length - 1;
    const move = (at) => readout(box, lines, data, places, at);
    const size = () => ({ width: Math.max(240, place.clientWidth), height });
    const plot = new uPlot(options(series(lines, places, shows), marks, size(), label, move), data, place);
    move(null);
    place.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      index = Math.min(data[0].length - 1, Math.max(0, (plot.cursor.idx ?? index) + by));
      plot.setCursor({ left: plot.valToPos(data[0][index], "x"), top: plot.valToPos(data[places[0].mean][index] ?? 0, "y") });
      move(index);
      spoken.textContent = [...box.querySelectorAll("tr")].map((row) => row.innerText.replace(/\s+/g, " ")).join("; ");
    });
    new ResizeObserver(() => {
      if (Math.abs(plot.width - size().width) > 1) plot.setSize(size());
    }).observe(place);
    return { plot, lines, title: title || name };
  }

  // A picture of the charts, with their titles and a legend.
  function picture(charts) {
    const scale = devicePixelRatio, pad = 12 * scale, row = 20 * scale;
    const wide = Math.max(...charts.map((chart) => chart.plot.ctx.canvas.width)) + 2 * pad;
    const tall = charts.reduce((sum, chart) => sum + chart.plot.ctx.canvas.height + row * (chart.lines.length + 2), 2 * pad);
    const canvas = make("canvas", { width: wide, height: tall }), ctx = canvas.getContext("2d");
    ctx.fillStyle = css("--paper");
    ctx.fillRect(0, 0, wide, tall);
    let y = pad;
    for (const { plot, lines, title } of charts) {
      ctx.fillStyle = css("--ink");
      ctx.font = `bold ${14 * scale}px system-ui, sans-serif`;
      ctx.fillText(title, pad, y + row * 0.8);
      y += row * 1.3;
      ctx.drawImage(plot.ctx.canvas, pad, y);
      y += plot.ctx.canvas.height;
      ctx.font = `${12 * scale}px system-ui, sans-serif`;
      for (const line of lines) {
        ctx.fillStyle = tone(line.colour, 1);
        ctx.fillRect(pad, y + row * 0.35, row, row * 0.3);
        ctx.fillStyle = css("--ink");
        ctx.fillText(line.name, pad + row * 1.4, y + row * 0.75);
        y += row;
      }
      y += row * 0.7;
    }
    return canvas;
  }

  return { draw, picture };
})();
