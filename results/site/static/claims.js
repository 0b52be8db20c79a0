"use strict";
(() => {
  const form = document.getElementById("filters"), count = document.getElementById("count");
  const claims = [...document.querySelectorAll(".claim")];
  const list = (claim, name) => (claim.dataset[name] || "").split("|").filter(Boolean);
  const NAMES = ["paper", "method", "task", "scale", "verdict", "words"];

  function fits(claim, asked) {
    const judged = Object.fromEntries(list(claim, "verdicts").map((one) => one.split("=")));
    if (asked.paper && claim.dataset.paper !== asked.paper) return false;
    if (asked.method && !list(claim, "methods").includes(asked.method)) return false;
    if (asked.task && !list(claim, "tasks").includes(asked.task)) return false;
    if (asked.scale && !(asked.scale in judged)) return false;
    if (asked.verdict && (asked.scale ? judged[asked.scale] : claim.dataset.shown) !== asked.verdict) return false;
    const text = claim.textContent.toLowerCase();
    return asked.words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  }

  function asked() {
    return Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value.trim()]));
  }

  function show(keep) {
    const now = asked();
    let shown = 0;
    for (const claim of claims) {
      claim.hidden = !fits(claim, now);
      shown += !claim.hidden;
    }
    count.textContent = shown === claims.length ? `${shown} claims` : `${shown} of ${claims.length} claims`;
    if (keep) {
      const set = new URLSearchParams(Object.entries(now).filter(([, value]) => value)).toString();
      history.replaceState(null, "", set ? "#" + set : location.pathname + location.search);
    }
  }

  function read() {
    const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    for (const name of NAMES) form.elements[name].value = given[name] || "";
    show(false);
    const one = given.claim && document.getElementById(given.claim);
    if (one) {
      one.open = true;
      one.scrollIntoView();
      one.querySelector("summary").focus({ preventScroll: true });
    }
  }

  form.addEventListener("input", () => show(true));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => show(true)));
  document.getElementById("unfold").addEventListener("click", () => {
    const shown = claims.filter((claim) => !claim.hidden), open = !shown.every((claim) => claim.open);
    for (const claim of shown) claim.open = open;
  });
  window.addEventListener("hashchange", read);
  window.addEventListener("beforeprint", () => claims.forEach((claim) => { claim.open = claim.open || !claim.hidden; }));
  read();
})();
