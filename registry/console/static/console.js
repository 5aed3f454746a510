// What pages need beyond HTML: live updates, times in the reader's zone, countdowns, and plots.
"use strict";

const MISSED_MS = 10000; // three beats
const AGAIN_MS = 15000; // counts of calls change without a change of the registry

let source = null, heard = 0;

// A page that names a stream asks for itself again at each change.
function follow() {
  const main = document.querySelector("main[data-live]");
  if (!main || source) return;
  source = new EventSource(main.dataset.live);
  source.addEventListener("beat", () => alive());
  source.addEventListener("changed", () => { alive(); refresh(); });
  source.addEventListener("error", () => { if (source && source.readyState === EventSource.CLOSED) lost(); });
}

// A stream that was refused does not come back by itself: the session may have ended, which the page finds out.
function lost() {
  source = null;
  refresh();
  setTimeout(follow, MISSED_MS);
}

function alive() {
  heard = Date.now();
  say("");
}

function say(text) {
  const place = document.getElementById("link");
  if (place && place.textContent !== text) place.textContent = text;
}

function refresh() {
  const main = document.querySelector("main[data-live]");
  if (main && document.visibilityState === "visible" && !main.contains(typing())) htmx.trigger(main, "changed");
}

// Nothing is replaced under a person who writes.
function typing() {
  const active = document.activeElement;
  return active && active.matches("input:not([type=checkbox]), textarea, select") ? active : null;
}

setInterval(() => {
  if (source && heard && Date.now() - heard > MISSED_MS) say("The registry does not answer; what you see may be old.");
}, 1000);
setInterval(() => { if (source) refresh(); }, AGAIN_MS);
document.addEventListener("visibilitychange", refresh);

// In a review one key says what a button says; in a field keys are letters, until Escape.
document.addEventListener("keydown", (event) => {
  const field = typing();
  if (field && event.key === "Escape") field.blur();
  if (field && field.id === "expected" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    document.querySelector('[data-key="e"]').click();
  }
  if (field || event.ctrlKey || event.altKey || event.metaKey) return;
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  if (event.key === "e" && document.activeElement !== button) document.getElementById("expected").focus();
  else button.click();
});

// What was chosen anew is not what the page shows below: it is looked at before it can be done.
document.addEventListener("input", (event) => {
  if (!event.target.closest("[data-choices]")) return;
  for (const form of document.querySelectorAll("[data-chosen]")) {
    form.querySelector("button").disabled = true;
    form.querySelector("[role=status]").textContent = "You chose something else: show what it would do first.";
  }
});

// A report of a suite is a file of the reader's: it is shown, and kept nowhere.
document.addEventListener("change", async (event) => {
  const field = event.target.closest("[data-report]"), file = field && field.files[0];
  if (!file) return;
  const headers = { "Content-Type": "application/json", "X-Csrf": field.dataset.csrf };
  const answer = await fetch(field.dataset.report, { method: "POST", body: file, headers });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main");
  document.getElementById("report").replaceChildren(...(main ? main.childNodes : ["This file is too large to be a report."]));
});

// Times are local; the title keeps UTC.
function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.dataset.local = "";
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}

// A day that is picked is the reader's, as the times beside it are: the moments go along in which it begins and ends.
document.addEventListener("submit", (event) => {
  for (const moment of event.target.querySelectorAll("[data-day]")) {
    const day = event.target.elements[moment.dataset.day].value;
    const at = new Date(`${day}T00:00`);
    if (moment.dataset.day === "until") at.setDate(at.getDate() + 1);
    moment.value = !day ? "" : moment.dataset.day === "since" ? at.toISOString() : new Date(at - 1).toISOString();
  }
}, true);

// On a narrow screen a row is a block, in which each cell says what its column is.
function label(root) {
  for (const table of root.querySelectorAll(".wide table:not(.diff)")) {
    const names = [...table.tHead.rows[0].cells].map((cell) => (cell.querySelector(".hidden") ? "" : cell.textContent));
    for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, i) => { cell.dataset.label = names[i]; });
    table.dataset.labelled = "";
  }
}

// A hold counts down between two looks at the registry.
function countDown() {
  for (const cell of document.querySelectorAll("[data-until]")) {
    const left = Math.round((new Date(cell.dataset.until) - Date.now()) / 1000);
    if (left <= 0) continue;
    const parts = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
    let rest = left;
    const text = parts.map(([unit, size]) => { const n = Math.floor(rest / size); rest %= size; return n ? n + unit : ""; })
      .filter(Boolean).slice(0, 2).join(" ");
    cell.textContent = cell.textContent.replace(/ in .*/, " in " + text);
  }
}
setInterval(countDown, 1000);

// Plots: each draws what its attribute holds; the table below it has the same numbers.
const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];

function draw(root) {
  for (const place of root.querySelectorAll("[data-plot]:not([data-drawn])")) {
    place.dataset.drawn = "";
    const plot = JSON.parse(place.dataset.plot);
    const style = getComputedStyle(document.documentElement);
    const seconds = plot.times.map((time) => new Date(time).getTime() / 1000);
    const ink = style.getPropertyValue("--ink"), rule = style.getPropertyValue("--rule");
    const tens = (_, marks) => marks.map((mark) => (Math.abs(Math.log10(mark) % 1) < 1e-9 ? mark : null));
    const log = plot.log
      ? { filter: tens, grid: { stroke: rule, width: 1, filter: tens }, ticks: { stroke: rule, width: 1, filter: tens },
          values: (_, marks) => marks.map((mark) => (mark === null ? "" : mark.toExponential(0))) }
      : {};
    const axis = { stroke: ink, grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1 } };
    const made = new uPlot({
      title: plot.title, width: place.clientWidth, height: 220,
      scales: { x: { range: span(seconds) }, y: plot.log ? { distr: 3 } : { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
      axes: [axis, { ...axis, ...log, size: 60 }],
      series: [{}, ...plot.series.map((one, i) => ({
        label: one.name, width: 2, spanGaps: true, dash: one.dashed ? [6, 4] : undefined,
        stroke: style.getPropertyValue(COLOURS[i % COLOURS.length]), points: { show: plot.times.length < 40 },
      }))],
    }, [seconds, ...plot.series.map((one) => one.values)], place);
    new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: 220 })).observe(place);
  }
}

// One moment alone is shown within an hour.
function span(seconds) {
  const [first, last] = [seconds[0], seconds[seconds.length - 1]];
  return first === last ? [first - 1800, last + 1800] : [first, last];
}

function dress() {
  localize(document);
  label(document);
  countDown();
  if (window.uPlot) draw(document);
  follow();
}
document.addEventListener("htmx:after:swap", dress);
document.addEventListener("DOMContentLoaded", dress);
if (document.readyState !== "loading") dress();
