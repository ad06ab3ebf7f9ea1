// The page of events: the log of all services, with the same filters in the address bar, live.

import { Fields } from "./fields.js";
import { ask, now, Problem, reader, root, servicePath } from "./gateway.js";
import { Live } from "./live.js";
import { notify } from "./notice.js";
import { rest, sentence } from "./sentences.js";
import { happened, make, moment, plural } from "./text.js";
import { askForToken, forgetRefused, offerToken } from "./token.js";

const PAGE = 200; // events that are read at a time
const MOST = 5000; // events that are shown
const KINDS = ["expired", "recovered", "registered", "deregistered", "health_changed", "version_changed"];
const RARE = ["degraded", "unreachable", "updated", "approved", "deregistration_ignored", "purged", "subscribed", "unsubscribed", "resumed"];
const TEXTS = ["q", "since", "until", "key", "name", "actor"];

const at = (id) => document.getElementById(id);
const body = at("events").tBodies[0];
const fields = new Fields(at("filters"), TEXTS, ["kind", "dialect"]);
const read = reader();
const readStats = reader();
let rows = new Map(); // rows by the id of the event
let older = null; // cursor of the events before those
let extended = false; // whether older events were asked for

const live = new Live({ query: () => "", look, changed: () => {}, refused, trouble });

function log(extra = {}) {
  const query = fields.parameters();
  for (const [name, value] of Object.entries(extra)) query.set(name, value);
  return `/catalog/v1/log?${query}`;
}

async function look(light, signal) {
  if (light) return;
  const [page, stats] = await Promise.all([read(log({ limit: PAGE }), signal), readStats("/catalog/v1/stats", signal)]);
  offerDialects(Object.keys(stats.by_dialect));
  const oldest = page.events.at(-1)?.id ?? 0;
  const gap = extended && page.next !== null && !rows.has(oldest);
  if (!extended || gap) {
    rows = new Map();
    older = page.next;
    extended = false;
  }
  add(page.events);
  if (page.searched_since) notify(`The newest 50,000 events are searched, back to ${moment(page.searched_since)}.`);
}

/** Add events, and show all of them, the newest first. */
function add(events) {
  for (const event of events) if (!rows.has(event.id)) rows.set(event.id, row(event));
  const sorted = [...rows.keys()].sort((one, other) => other - one).slice(0, MOST);
  const fresh = sorted.map((id) => rows.get(id));
  let next = body.firstChild;
  for (const element of fresh) {
    if (element === next) next = next.nextSibling;
    else body.insertBefore(element, next);
  }
  while (body.children.length > fresh.length) body.lastChild.remove();
  const filtered = fields.parameters().size > 0;
  at("events").hidden = fresh.length === 0;
  at("nothing").hidden = fresh.length > 0;
  at("nothing").textContent = filtered ? "No matching events." : "The log has no events.";
  at("clear").hidden = !filtered;
  at("further").hidden = older === null || fresh.length >= MOST;
  at("count").textContent = `${plural(fresh.length, "event", "events")}${older === null ? "" : " shown"}`;
}

function row(event) {
  const path = event.dialect ? servicePath(event.dialect, event.key) : null;
  const name = event.name || event.key;
  const said = rest({ ...event, actor: "gateway" }).replace(/^: /, "").trim();
  const by = event.actor === "gateway" ? "" : [event.actor, event.client_address].filter(Boolean).join(" at ");
  return make(
    "tr",
    { title: sentence(event) },
    make("td", { className: "when" }, make("time", { dateTime: new Date(event.at * 1000).toISOString(), title: moment(event.at) }, stamp(event.at))),
    make("td", { className: "kind" }, make("span", { className: `mark was-${event.kind}` }, happened(event.kind))),
    make("td", { className: "name", title: event.key }, path === null ? name : make("a", { href: root + path }, name)),
    make("td", { className: "dialect" }, event.dialect),
    make("td", { className: "what", title: said }, said),
    make("td", { className: "by", title: [by, event.request_id].filter(Boolean).join(", ") }, by),
  );
}

/** The time of day with seconds, with the day if it is not today. */
function stamp(time) {
  const date = new Date(time * 1000);
  const clock = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const today = new Date(now() * 1000).toDateString() === date.toDateString();
  return today ? clock : `${date.toLocaleDateString(undefined, { day: "numeric", month: "short" })} ${clock}`;
}

function offerDialects(dialects) {
  for (const dialect of dialects) if (!at("dialects").querySelector(`[value="${CSS.escape(dialect)}"]`)) chip("dialects", "dialect", dialect, dialect);
}

function chip(group, name, value, text) {
  const box = make("input", { type: "checkbox", name, value, checked: fields.values()[name].includes(value) });
  at(group).append(make("label", { className: "chip" }, box, make("span", {}, text)));
}

function trouble(problem) {
  notify(problem && `${problem.message}. Retrying.`);
}

async function refused(problem) {
  const tokens = problem.status === 401 || problem.status === 403;
  const text = tokens ? "The catalogue is protected." : `${problem.parameter ? `${problem.parameter}: ` : ""}${problem.message}.`;
  notify(text, tokens ? "Enter token" : "Clear filters", tokens ? () => refused(problem) : clear);
  const why = problem.status === 403 ? `${problem.message}.` : tokens && forgetRefused();
  if (tokens && (await askForToken("read", why))) restart();
}

function restart() {
  notify("");
  rows = new Map();
  extended = false;
  live.restart();
}

function clear() {
  fields.clear();
  restart();
}

/** Save the log as CSV: with the token, which a link could not send. */
async function save() {
  try {
    const response = await ask(`${log({ limit: 1000 }).replace("/log?", "/log.csv?")}`);
    const link = make("a", { href: URL.createObjectURL(await response.blob()), download: "log.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    notify(`${error.message}.`);
  }
}

at("further").addEventListener("click", async () => {
  try {
    const page = await (await ask(log({ limit: PAGE, cursor: older }))).json();
    extended = true;
    older = page.next;
    add(page.events);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    notify(`${error.message}.`);
  }
});
at("csv").addEventListener("click", save);
at("clear").addEventListener("click", clear);
for (const kind of KINDS) chip("kinds", "kind", kind, happened(kind));
for (const kind of RARE) chip("rare-kinds", "kind", kind, happened(kind));
fields.follow(restart);
const given = fields.values();
at("more").open = TEXTS.slice(2).some((name) => given[name]) || RARE.some((kind) => given.kind.includes(kind));
offerToken(restart);
live.restart();
