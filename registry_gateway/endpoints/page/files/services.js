// The list of services.

import { clear, count, filtering, filters, follow, parameters } from "./filters.js";
import { now, reader, root, servicePath } from "./gateway.js";
import { Live } from "./live.js";
import { announce, notify } from "./notice.js";
import { identity, Row } from "./row.js";
import { clockTime, happened, make, plural, tick } from "./text.js";
import { askForToken, forgetRefused, offerToken } from "./token.js";

const STEP = 500; // services that are shown at first, and with each "Show more"
const MOST = 1000; // services on one page of the catalogue
const KEPT = 30; // changes that are remembered
const LIGHT = "dialect,key,status,health,reported,last_seen,expires_at";
const GRAVE = new Set(["expired", "degraded", "unreachable", "deregistered"]);

const table = document.getElementById("services");
const body = table.tBodies[0];
const further = document.getElementById("further");
const shownCount = document.getElementById("count");
const gone = document.getElementById("gone");
const readers = [];
const readStats = reader();
let rows = new Map();
let wanted = STEP;
let asked = false; // whether the reader waits for the answer

const live = new Live({ query, look, changed, refused, trouble });

function query() {
  const given = parameters({ ...filters(), sort: "key" });
  return given.size ? `?${given}` : "";
}

/** Fetch what is shown, or more, page by page. */
async function pages(fields, signal) {
  const services = [];
  for (let page = 0, cursor = null; ; page += 1) {
    const given = parameters(filters());
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
  if (light) {
    const found = await pages(LIGHT, signal);
    const shown = [...rows.keys()];
    if (found.services.length === shown.length && found.services.every((one, index) => identity(one) === shown[index])) {
      found.services.forEach((one) => rows.get(identity(one)).update(one));
      tick(now(), body);
      return;
    }
  }
  const [found, stats] = await Promise.all([pages(null, signal), readStats("/catalog/v1/stats", signal)]);
  show(found, stats);
}

function show({ total, services }, stats) {
  place(services);
  tick(now(), body);
  count(stats);
  const nothing = total === 0 && !filtering();
  document.getElementById("first").hidden = !nothing;
  document.getElementById("filters").hidden = nothing && stats.by_status.gone === 0;
  table.hidden = total === 0;
  further.hidden = services.length >= total;
  further.textContent = `Show ${Math.min(STEP, total - services.length).toLocaleString()} more`;
  shownCount.textContent = nothing ? "" : counted(total, services.length, stats);
  lookBack(total === 0 ? filters().q : "", Object.keys(stats.by_dialect));
  if (asked) announce(shownCount.textContent);
  asked = false;
}

/** Show exactly one row per service, in this order. Rows that remain keep their element and the focus. */
function place(services) {
  const known = rows;
  rows = new Map(services.map((service) => [identity(service), known.get(identity(service)) ?? new Row()]));
  for (const [id, row] of known) if (!rows.has(id)) row.element.remove();
  services.forEach((service) => rows.get(identity(service)).update(service));
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

/** Services that are gone are in no list, but the event log has their keys: link there. */
function lookBack(key, dialects) {
  const links = dialects.map((dialect) => [dialect, key && servicePath(dialect, key)]).filter(([, path]) => path);
  gone.hidden = links.length === 0;
  gone.replaceChildren(
    `The event log may have a service that is gone, with the key ${key}, in `,
    ...links.flatMap(([dialect, path], index) => [index ? ", " : "", make("a", { href: root + path }, dialect)]),
    ".",
  );
}

// --- changes

const happenings = document.getElementById("latest-list");
let grave = [];
let telling;

function changed(event) {
  const path = servicePath(event.dialect, event.key);
  const name = event.name || event.key;
  const line = [clockTime(event.at), name, happened(event.kind)].join("  ");
  document.getElementById("latest-line").textContent = line + (event.reason ? `: ${event.reason}` : "");
  document.getElementById("latest").hidden = false;
  happenings.prepend(
    make(
      "li",
      {},
      make("time", { dateTime: new Date(event.at * 1000).toISOString() }, clockTime(event.at)),
      path === null ? name : make("a", { href: root + path }, name),
      make("span", {}, happened(event.kind), event.reason ? `: ${event.reason}` : ""),
    ),
  );
  while (happenings.children.length > KEPT) happenings.lastChild.remove();
  if (!GRAVE.has(event.kind)) return;
  grave.push(`${name}: ${happened(event.kind)}`);
  telling ??= setTimeout(() => {
    announce(grave.length > 3 ? `${plural(grave.length, "service", "services")} lapsed or left` : grave.join(", "));
    grave = [];
    telling = undefined;
  }, 2000);
}

// --- problems

function trouble(problem) {
  notify(problem && `${problem.message}. Retrying.`);
}

async function refused(problem) {
  shownCount.textContent = "";
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
offerToken(restart);
shownCount.textContent = "Loading…";
setInterval(() => tick(now(), body), 1000);
live.restart();
