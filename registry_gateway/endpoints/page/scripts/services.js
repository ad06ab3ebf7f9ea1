// The list of services.

import { attend } from "./attention.js";
import { offerValues } from "./completion.js";
import { asked as listed, askedPast, askedStats, askedStream, clear, count, countDialects, filtering, filters, follow } from "./filters.js";
import { now, reader, root } from "./gateway.js";
import { showLatest } from "./latest.js";
import { Live } from "./live.js";
import { followMoment, showMoment } from "./moment.js";
import { announce, notify } from "./notice.js";
import { readPast, showPast } from "./past.js";
import { identity, Row } from "./row.js";
import { showStrip } from "./strip.js";
import { make, tick } from "./text.js";
import { askForToken, forgetRefused, offerToken } from "./token.js";

const STEP = 500; // services that are shown at first, and with each "Show more"
const MOST = 1000; // services on one page of the catalogue
const LIGHT = "dialect,key,status,health,reported,last_seen,expires_at,ended";

const table = document.getElementById("services");
const body = table.tBodies[0];
const further = document.getElementById("further");
const shownCount = document.getElementById("count");
const nothingFound = document.getElementById("nothing");
const readers = [];
const readStats = reader();
const readMatching = reader();
const readOverview = reader();
let rows = new Map();
let wanted = STEP;
let asked = false; // whether the reader waits for the answer

const live = new Live({ query: () => `?${askedStream()}`, look, changed: showLatest, refused, trouble });

/** Fetch what is shown, or more, page by page. */
async function pages(fields, signal) {
  const services = [];
  for (let page = 0, cursor = null; ; page += 1) {
    const given = listed();
    given.set("limit", `${Math.min(wanted - services.length, MOST)}`);
    if (fields) given.set("fields", fields);
    if (cursor) given.set("cursor", cursor);
    readers[page] ??= { light: reader(), full: reader() };
    const found = await readers[page][fields ? "light" : "full"](`/catalog/v1/services?${given}`, signal);
    services.push(...found.services);
    cursor = found.next;
    if (cursor === null || services.length >= wanted) return { total: found.total, services };
  }
}

async function look(light, signal) {
  const past = Boolean(filters().at);
  for (const id of ["then", "past"]) document.getElementById(id).hidden = !past;
  if (past) {
    await lookBack(signal);
    return;
  }
  if (light) {
    const [found] = await Promise.all([pages(LIGHT, signal), lookAtAll(signal)]);
    const shown = [...rows.keys()];
    if (found.services.length === shown.length && found.services.every((one, index) => identity(one) === shown[index])) {
      found.services.forEach((one) => rows.get(identity(one)).update(one, searched()));
      tick(now(), body);
      return;
    }
  }
  const query = askedStats();
  const [found, stats] = await Promise.all([pages(null, signal), lookAtAll(signal)]);
  show(found, stats, query.size ? await readMatching(`/catalog/v1/stats?${query}`, signal) : stats);
}

/** Show the numbers of the whole registry in the strip, title and icon; resolves to the statistics. */
async function lookAtAll(signal) {
  const [stats, overview] = await Promise.all([
    readStats("/catalog/v1/stats", signal),
    readOverview("/catalog/v1/overview", signal).catch(withoutIt),
  ]);
  showStrip(stats, overview);
  attend(stats.by_status.down);
  return stats;
}

/** While the gateway has too many expensive reads, the list is shown without an overview, or with the one before. */
function withoutIt(problem) {
  if (problem.code !== "overloaded") throw problem;
  return null;
}

/** Show the services of a moment, and what is different now. */
async function lookBack(signal) {
  const query = askedPast();
  const [found, stats] = await Promise.all([readPast(query, signal), readStats("/catalog/v1/stats", signal)]);
  for (const id of ["strip", "banner", "services", "first", "nothing", "further"]) document.getElementById(id).hidden = true;
  document.getElementById("filters").hidden = false;
  place([]);
  countDialects(Object.keys(stats.by_dialect), found.rows);
  attend(stats.by_status.down);
  showPast(found, query);
  tick(now(), document.getElementById("past"));
  shownCount.textContent = "";
}

function searched() {
  const { tool, q } = filters();
  return [tool, q];
}

function show({ total, services }, stats, matching) {
  place(services);
  tick(now(), body);
  count(matching);
  const nothing = total === 0 && !filtering();
  document.getElementById("strip").hidden = nothing && stats.by_status.gone === 0;
  document.getElementById("first").hidden = !nothing;
  document.getElementById("filters").hidden = nothing && stats.by_status.gone === 0;
  table.hidden = total === 0;
  further.hidden = services.length >= total;
  further.textContent = `Show ${Math.min(STEP, total - services.length).toLocaleString()} more`;
  shownCount.textContent = nothing ? "" : counted(total, services.length, stats);
  sayNothing(total === 0 && !nothing);
  const gone = filters().status.join() === "gone";
  table.classList.toggle("of-gone", gone);
  if (gone && filters().sort === "urgency") {
    document.querySelector("#services [aria-sort]")?.removeAttribute("aria-sort");
    document.getElementById("seen-title").closest("th").setAttribute("aria-sort", "descending");
  }
  document.getElementById("seen-title").textContent = gone ? "Ended" : "Last heartbeat";
  document.getElementById("tools-title").textContent = gone ? "Reason" : "Tools";
  if (asked) announce(shownCount.textContent);
  asked = false;
}

/** Show exactly one row per service, in this order. Rows that remain keep their element and the focus. */
function place(services) {
  const known = rows;
  rows = new Map(services.map((service) => [identity(service), known.get(identity(service)) ?? new Row()]));
  for (const [id, row] of known) if (!rows.has(id)) row.element.remove();
  services.forEach((service) => rows.get(identity(service)).update(service, searched()));
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  let next = body.firstChild;
  for (const { element } of rows.values()) {
    if (element === next) next = next.nextSibling;
    else body.insertBefore(element, next);
  }
  if (document.activeElement !== focused && body.contains(focused)) focused.focus({ preventScroll: true });
}

function counted(total, shown, stats) {
  const gone = filters().status.includes("gone");
  const all = stats.services + (gone ? stats.by_status.gone : 0);
  const of = filtering() && total < all ? ` of ${all.toLocaleString()}` : "";
  const part = shown < total ? `, the first ${shown.toLocaleString()} shown` : "";
  if (total === 0) return `No matching services (${all.toLocaleString()} in total)`;
  return total.toLocaleString() + of + (all === 1 || (total === 1 && !of) ? " service" : " services") + part;
}

/** Show that nothing matches, and where services that are gone are listed. */
function sayNothing(nothing) {
  nothingFound.hidden = !nothing;
  nothingFound.replaceChildren();
  if (!nothing) return;
  const { q, status } = filters();
  const past = q && !status.includes("gone") ? make("a", { href: `${root}/?${new URLSearchParams({ q, status: "gone" })}` }, "Search in services that are gone") : null;
  nothingFound.replaceChildren("No matching services. ", past ?? "", past ? "." : "");
}

// --- problems

function trouble(problem) {
  notify(problem && `${problem.message}. Retrying.`);
}

async function refused(problem) {
  shownCount.textContent = "";
  table.hidden = true;
  document.getElementById("filters").hidden = false;
  if (problem.status === 401 || problem.status === 403) {
    const why = problem.status === 403 ? `${problem.message}.` : forgetRefused();
    notify("The catalogue is protected.", "Enter token", () => refused(problem));
    if (await askForToken("read", why)) restart();
    return;
  }
  document.getElementById("clear").hidden = true; // the notice has that button
  notify(`${problem.parameter ? `${problem.parameter}: ` : ""}${problem.message}.`, "Clear filters", clearFilters);
}

// --- actions of the reader

async function restart() {
  showMoment();
  asked = true;
  wanted = STEP;
  notify("");
  table.setAttribute("aria-busy", "true");
  await live.restart();
  table.removeAttribute("aria-busy");
}

function clearFilters() {
  clear();
  restart();
  document.getElementById("q").focus();
}

document.getElementById("clear").addEventListener("click", clearFilters);
further.addEventListener("click", async () => {
  const last = body.lastChild;
  wanted += STEP;
  await live.tryLook(false);
  last.nextSibling?.querySelector("a")?.focus();
});
follow(restart);
followMoment(restart);
offerValues(document.getElementById("more"));
offerToken(restart);
shownCount.textContent = "Loading…";
setInterval(() => tick(now(), body), 1000);
live.restart();
