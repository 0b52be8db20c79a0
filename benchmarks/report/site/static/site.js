"use strict";
// Data come as scripts that call GRL.add, since a page on the disk may load no other file.
const GRL = (() => {
  const kept = new Map(), waiting = new Map();

  function add(name, value) {
    kept.set(name, value);
  }

  // A promise of the data of this name; each script is loaded once.
  function load(root, name) {
    if (kept.has(name)) return Promise.resolve(kept.get(name));
    if (!waiting.has(name)) {
      waiting.set(name, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = root + "data/" + name.split("/").map(encodeURIComponent).join("/") + ".js";
        script.onload = () => kept.has(name) ? resolve(kept.get(name)) : reject(new Error("no data in " + name));
        script.onerror = () => reject(new Error("cannot load " + name));
        document.head.append(script);
      }));
    }
    return waiting.get(name);
  }

  // Text of a number: about three significant digits, as in the tables.
  function number(value) {
    if (value === null || value === undefined || !isFinite(value)) return "–";
    const size = Math.abs(value), digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
    return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
  }

  function steps(value) {
    if (value >= 1e6) return +(value / 1e6).toPrecision(3) + "M";
    if (value >= 1e3) return +(value / 1e3).toPrecision(3) + "k";
    return String(Math.round(value));
  }

  // An element with attributes and children; a child is a node or text.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function save(name, blob) {
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Rows as CSV text.
  function csv(rows) {
    const quoted = (value) => /[",\n]/.test(value) ? `"${String(value).replace(/"/g, '""')}"` : value;
    return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
  }

  // What stands behind # in the address, by name.
  function hash() {
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  }

  return { add, load, number, steps, make, save, csv, hash };
})();

// A table of a page can be taken along as CSV; a cell of two lines has them in one.
for (const table of document.querySelectorAll("main table[data-file]")) {
  const rows = () => [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim().replace(/\s*\n\s*/g, " ")));
  const button = GRL.make("button", { type: "button", class: "small", "aria-label": `Download as CSV: ${table.caption.textContent}` }, "CSV");
  button.addEventListener("click", () => GRL.save(`${table.dataset.file}.csv`, new Blob([GRL.csv(rows())], { type: "text/csv" })));
  (table.closest(".scroll") || table).after(button);
}
