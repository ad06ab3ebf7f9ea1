// The filters: in the address bar, in the form, and as the query of the catalogue. If they differ, the address bar applies.

import { make } from "./text.js";

const form = document.getElementById("filters");
const STATUSES = ["down", "degraded", "pending", "up", "gone"];
const TEXTS = ["q", "tool", "name", "version", "host"];
const LISTS = ["status", "dialect"];
const PARTS = ["tool", "name", "version", "host"]; // of which a part is enough, unless `match` is exact
const FIRST = "urgency"; // the order without `sort`
const PAUSE = 150; // after a letter was typed

/** The filters of this page's address: {q, status: [], …, match, at, sort}. @returns {any} */
export function filters() {
  const given = new URLSearchParams(location.search);
  const match = given.get("match") === "exact" ? "exact" : "";
  const found = { sort: given.get("sort") || FIRST, match, at: given.get("at") ?? "" };
  for (const name of TEXTS) found[name] = given.get(name) ?? "";
  for (const name of LISTS) found[name] = given.getAll(name).flatMap((value) => value.split(",")).filter(Boolean);
  return found;
}

/** The filters as parameters of this page's address, without those at their default. */
export function parameters({ sort, match, at, ...chosen }) {
  const query = new URLSearchParams();
  for (const name of TEXTS) if (chosen[name]) query.set(name, chosen[name]);
  for (const name of LISTS) if (chosen[name].length) query.set(name, chosen[name].join(","));
  if (match) query.set("match", match);
  if (at) query.set("at", at);
  if (sort && sort !== FIRST) query.set("sort", sort);
  return query;
}

/** The filters as parameters of the catalogue, for the list of now. */
export function asked({ at: _at, ...chosen } = filters()) {
  const query = parameters({ ...chosen, match: "", sort: "", at: "" });
  if (PARTS.some((name) => chosen[name])) query.set("match", chosen.match || "contains");
  const gone = chosen.status.length === 1 && chosen.status[0] === "gone";
  query.set("sort", gone && chosen.sort === FIRST ? "-ended_at" : chosen.sort); // the last one that ended comes first
  return query;
}

/** The same for the statistics, which count each status and dialect. */
export function askedStats(chosen = filters()) {
  const query = asked({ ...chosen, status: [], dialect: [] });
  query.delete("sort");
  return query;
}

/** The same for the list of a moment, of which the log knows neither status nor tools. */
export function askedPast(chosen = filters()) {
  const query = asked({ ...chosen, status: [], tool: "" });
  query.set("at", chosen.at);
  query.set("sort", "key");
  return query;
}

/** The same for the stream of changes, which does not search tools. */
export function askedStream(chosen = filters()) {
  const query = asked({ ...chosen, q: "" });
  query.delete("sort");
  return query;
}

/** Tell whether anything is filtered out. */
export function filtering(chosen = filters()) {
  return parameters({ ...chosen, match: "", sort: "", at: "" }).size > 0;
}

/** Write other filters to the address bar; `replace` makes no step to go back to. */
function go(chosen, { replace = false } = {}) {
  const query = parameters(chosen).toString().replaceAll("%2C", ",");
  const url = location.pathname + (query && `?${query}`);
  if (url === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  show();
}

/** Show the filters of the address bar in the form and in the heads of the columns. */
function show() {
  const chosen = filters();
  for (const name of TEXTS) {
    const field = form.elements[name];
    if (field.value !== chosen[name]) field.value = chosen[name];
  }
  if (TEXTS.slice(1).some((name) => chosen[name])) document.getElementById("more").open = true;
  for (const box of form.querySelectorAll("input[type=checkbox]")) {
    box.checked = box.name === "match" ? chosen.match === "exact" : chosen[box.name].includes(box.value);
  }
  for (const button of document.querySelectorAll("button[data-sort]")) {
    const sorted = chosen.sort.replace("-", "") === button.dataset.sort;
    const order = chosen.sort.startsWith("-") ? "descending" : "ascending";
    if (sorted) button.closest("th").setAttribute("aria-sort", order);
    else button.closest("th").removeAttribute("aria-sort");
  }
  document.getElementById("clear").hidden = !filtering(chosen);
  document.getElementById("statuses").hidden = form.elements.tool.disabled = Boolean(chosen.at);
}

/** Go to a moment, or with an empty text to now. */
export function travel(at) {
  go({ ...filters(), at });
}

/** Offer the statuses and dialects, each with the number of services that it would show with the other filters. */
export function count(stats) {
  const chosen = filters();
  const dialects = Object.keys(stats.by_dialect);
  const counted = chosen.dialect.length ? chosen.dialect : dialects;
  for (const status of STATUSES) {
    chip("statuses", "status", status, sum(counted.map((dialect) => stats.by_dialect[dialect]?.[status] ?? 0)));
  }
  const wanted = chosen.status.length ? chosen.status : STATUSES.filter((status) => status !== "gone");
  for (const dialect of new Set([...dialects, ...chosen.dialect])) {
    const of = stats.by_dialect[dialect] ?? {};
    chip("dialects", "dialect", dialect, sum(wanted.map((status) => of[status] ?? 0)));
  }
}

/** The same for the list of a moment: the dialects, with how many services each had then. */
export function countDialects(dialects, rows) {
  for (const dialect of new Set([...dialects, ...filters().dialect])) {
    chip("dialects", "dialect", dialect, rows.filter(({ before }) => before?.dialect === dialect).length);
  }
}

function sum(numbers) {
  return numbers.reduce((all, one) => all + one, 0);
}

function chip(group, name, value, number) {
  const set = document.getElementById(group);
  let box = [...set.querySelectorAll("input")].find((input) => input.value === value);
  if (box === undefined) {
    box = make("input", { type: "checkbox", name, value, checked: filters()[name].includes(value) });
    const word = make("span", { className: name === "status" ? `badge is-${value}` : "" }, value);
    set.append(make("label", { className: "chip" }, box, word, " ", make("span", { className: "number" })));
  }
  const label = box.closest("label");
  label.classList.toggle("none", number === 0);
  label.querySelector(".number").textContent = number.toLocaleString();
}

/** The filters with the values of the form, in the address bar already or not. */
function written() {
  return { ...filters(), ...Object.fromEntries(TEXTS.map((name) => [name, form.elements[name].value])) };
}

/** Listen to the form; `changed` is called when the filters have changed. */
export function follow(changed) {
  let timer; // after a letter was typed
  let stepped = false; // what is typed without a pause is one step in the history
  const choose = (chosen, options) => {
    clearTimeout(timer);
    go({ ...written(), ...chosen }, options);
    changed();
  };
  form.addEventListener("input", (event) => {
    const { name, type } = event.target;
    if (!name) return; // the moment, which has a button of its own
    clearTimeout(timer);
    if (name === "match") {
      choose({ match: event.target.checked ? "exact" : "" });
      return;
    }
    if (type === "checkbox") {
      choose({ [name]: [...form.querySelectorAll(`input[name=${name}]:checked`)].map((box) => box.value) });
      return;
    }
    timer = setTimeout(() => {
      choose({}, { replace: stepped });
      stepped = true;
    }, PAUSE);
  });
  form.addEventListener("focusin", () => (stepped = false));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("button[data-sort]")) {
    button.addEventListener("click", () => {
      const { first, sort } = button.dataset;
      const other = first === sort ? `-${sort}` : sort;
      choose({ sort: filters().sort === first ? other : first });
    });
  }
  addEventListener("popstate", () => {
    clearTimeout(timer);
    stepped = false;
    show();
    changed();
  });
  document.addEventListener("keydown", (event) => {
    const elsewhere = event.target.closest("input, textarea, select, dialog, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || elsewhere) return;
    event.preventDefault();
    form.elements.q.focus();
    form.elements.q.select();
  });
  show();
}

/** Remove all filters. The order stays. */
export function clear() {
  const none = [...TEXTS.map((name) => [name, ""]), ...LISTS.map((name) => [name, []])];
  go({ ...Object.fromEntries(none), match: "", at: "", sort: filters().sort });
}
