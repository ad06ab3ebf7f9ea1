// The page of one service.

import { offerApproval, offerRemoval } from "./administration.js";
import { copyButton } from "./copy.js";
import { addressed, ask, now, Problem, reader, root, servicePath } from "./gateway.js";
import { Live } from "./live.js";
import { announce, notify } from "./notice.js";
import { patch } from "./patch.js";
import { rest, who } from "./sentences.js";
import { address, badge, happened, leaseBar, make, moment, span, tick, ticking } from "./text.js";
import { askForToken, forgetRefused, offerToken } from "./token.js";
import { toolItems } from "./tool_list.js";

const EVENTS = 50; // on a page of its history
const OPEN = 40; // lines of a document that is open from the start
const ALL = "pending,up,degraded,down,gone";

const at = (id) => document.getElementById(id);
const me = addressed();
const path = servicePath(me.dialect, me.key);
const readDetails = reader();
const readEvents = reader();
const readList = reader();
const life = new Map(); // events by id, as far back as was asked for
let older; // cursor of the events before those; undefined before the first look, null at the beginning

const live = new Live({ query: filter, look, changed, refused, trouble });

function filter() {
  return `?${new URLSearchParams({ dialect: me.dialect, q: me.key })}`;
}

// --- reading

async function look(light, signal) {
  const service = await find(signal);
  patch(at("never"), service === null ? make("h1", {}, "Service not found") : null);
  if (service === null) {
    at("service").hidden = true;
    notify(`No service ${me.key} is registered in the dialect ${me.dialect}, and the event log has none.`);
    return;
  }
  if (at("service").hidden) notify("");
  show(service);
  if (service.listed) notify("The key looks like another path of the catalogue, so its document and history cannot be shown.");
  if (light || service.listed) return;
  const found = await readEvents(`/catalog/v1${path}/events?limit=${EVENTS}`, signal);
  found.events.forEach((event) => life.set(event.id, event));
  if (older === undefined) older = found.next;
  showLife();
}

/** All its details; if its key is ambiguous in a path of the catalogue, what the list has of it. */
async function find(signal) {
  try {
    const found = path === null ? {} : await readDetails(`/catalog/v1${path}`, signal);
    if (found.dialect === me.dialect && found.key === me.key) return found;
  } catch (error) {
    if (error.status === 404 && !me.key.endsWith("/events")) return null;
    if (error.status !== 404) throw error;
  }
  const query = new URLSearchParams({ dialect: me.dialect, q: me.key, status: ALL, limit: "1000" });
  const list = await readList(`/catalog/v1/services?${query}`, signal);
  const found = list.services.find((service) => service.key === me.key);
  return found === undefined ? null : { ...found, listed: true };
}

function show(service) {
  document.title = `${service.name || service.key} · registry-gateway`;
  at("name").textContent = service.name || service.key;
  at("key").textContent = service.key;
  const why = saidOfItself(service);
  patch(at("status"), badge(service.status), why && make("span", { className: "why" }, why));
  at("approve").hidden = service.status !== "pending";
  at("remove").hidden = service.status === "gone";
  showEnding(service);
  showFindings(service.findings ?? []);
  patch(at("facts"), ...facts(service));
  at("facts-title").textContent = service.status === "gone" ? "What it last was" : "Summary";
  showTools(service.tools ?? [], service.tools_document);
  table("versions", (service.versions ?? []).toReversed(), (one) => [one.version, moment(one.since)]);
  table("subscriptions", service.subscriptions ?? [], (one) => [one.subscriber, one.state, moment(one.created_at)]);
  json("document", service.document);
  json("tools-document", service.tools_document);
  at("service").hidden = false;
  tick(now());
}

function showEnding({ ended, status }) {
  at("ended").hidden = !ended;
  if (!ended) return;
  const what = happened(ended.kind);
  patch(at("ended-title"), `${what[0].toUpperCase()}${what.slice(1)} `, ticking(ended.at));
  const reason = ended.reason ? `${ended.reason[0].toUpperCase()}${ended.reason.slice(1)}. ` : "";
  const kept = status === "gone" ? "" : " It is still registered.";
  at("ended-text").textContent = `${reason}${recorded(ended)} ${moment(ended.at)}.${kept}`;
}

function recorded({ kind, actor }) {
  return kind === "expired" ? "Recorded" : `By ${who(actor)},`;
}

function showFindings(findings) {
  at("findings").hidden = findings.length === 0;
  const rows = findings.map(({ severity, summary, advice }) =>
    make(
      "li",
      { className: severity === "error" ? "is-error" : "is-warning" },
      make("p", {}, make("strong", {}, severity === "error" ? "Error" : "Warning"), ` ${summary}`),
      advice ? make("p", { className: "advice" }, advice) : null,
    ),
  );
  patch(at("findings").querySelector("ul"), ...rows);
}

function facts(service) {
  const { lease } = service;
  const seen = lease?.last_seen ?? service.last_seen;
  const end = lease?.expires_at ?? service.expires_at;
  const rows = [
    ["Address", service.address && make("span", {}, address(service.address), " ", copyButton("the address", () => service.address))],
    ["Version", service.version],
    ["Last heartbeat", seen && make("span", {}, ticking(seen), make("span", { className: "aside" }, ` ${moment(seen)}`))],
    ["Lease", end && leaseShown(service, end, lease?.ttl ?? service.ttl)],
    ["Self-reported health", service.reported],
    ["Account", service.owner],
    ["Registered", service.registered_at && moment(service.registered_at)],
    ["Updated", service.updated_at !== service.registered_at && service.updated_at && moment(service.updated_at)],
    ["Approved", service.status === "pending" ? "not yet" : approved(service)],
    ...Object.entries(service.notes ?? {}),
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

/** The time of its approval; nothing if it was approved with its registration. */
function approved({ approved_at: approval, registered_at: registration }) {
  return approval !== registration && approval && moment(approval);
}

/** The lease: its length, how much of it is left, and that as a bar. */
function leaseShown({ status, health }, end, ttl) {
  const bar = health === "healthy" ? leaseBar(end, ttl, status) : null;
  return make("span", {}, bar, `${span(ttl)}, `, ticking(end, leaseWords));
}

/** What a running service reports of its health, if it is not healthy; else its dialect's word for missed heartbeats. */
function saidOfItself({ status, health, reported }) {
  if (health === "healthy") return reported && reported !== "healthy" ? `says ${reported}` : null;
  return health === status ? null : health;
}

function leaseWords(seconds) {
  return seconds < 0 ? `ends in ${span(-seconds)} unless renewed` : `ended ${span(seconds)} ago`;
}

function showTools(tools, document) {
  at("tools").hidden = tools.length === 0;
  patch(at("tools").querySelector("ul"), ...toolItems(tools, document));
}

function table(id, rows, cells) {
  at(id).hidden = rows.length === 0;
  patch(at(id).querySelector("tbody"), ...rows.map((row) => make("tr", {}, ...cells(row).map((cell) => make("td", {}, cell)))));
}

function json(id, content) {
  at(id).hidden = content === null || content === undefined;
  const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  const code = at(id).querySelector("code");
  if (at(id).hidden || code.textContent === text) return;
  if (!code.textContent && id === "document") at(id).querySelector("details").open = text.split("\n").length <= OPEN;
  code.textContent = text;
}

/** Copy buttons and commands, which stay as they are while the page is open. */
function offerCopies() {
  at("copy-key").append(copyButton("the key", () => me.key));
  for (const id of ["document", "tools-document"]) {
    const code = at(id).querySelector("code");
    at(id).querySelector(".copies").append(copyButton(`the ${id.replace("-", " ")}`, () => code.textContent));
  }
  const quoted = `'${location.origin}${root}/catalog/v1${path}`.replaceAll("%27", "%2527");
  const commands = path === null ? [] : [`curl ${quoted}'`, `curl ${quoted}/events?limit=10'`];
  at("commands").hidden = commands.length === 0;
  at("commands").querySelector("ul").append(...commands.map((text) => make("li", {}, make("code", {}, text), " ", copyButton("the command", () => text))));
}

// --- its history

function showLife() {
  const events = [...life.values()].sort((one, other) => other.id - one.id);
  patch(at("life"), ...events.map(happening));
  at("further").hidden = !older;
}

function happening(event) {
  return make(
    "li",
    { className: `was-${event.kind}` },
    make("p", { className: "what" }, make("span", {}, make("strong", {}, happened(event.kind)), rest(event)), ticking(event.at)),
    make("p", { className: "aside" }, [moment(event.at), event.request_id].filter(Boolean).join(" · ")),
  );
}

at("further").addEventListener("click", async () => {
  try {
    const query = new URLSearchParams({ limit: `${EVENTS}`, cursor: older });
    const found = await (await ask(`/catalog/v1${path}/events?${query}`)).json();
    found.events.forEach((event) => life.set(event.id, event));
    older = found.next;
    showLife();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    notify(`${error.message}.`);
  }
});

// --- changes and problems

function changed(event) {
  if (event.dialect === me.dialect && event.key === me.key) announce(happened(event.kind));
}

function trouble(problem) {
  notify(problem && `${problem.message}. Retrying.`);
}

async function refused(problem) {
  const tokens = problem.status === 401 || problem.status === 403;
  notify(tokens ? "The catalogue is protected." : `${problem.message}.`, tokens && "Enter token", () => refused(problem));
  const why = problem.status === 403 ? `${problem.message}.` : tokens && forgetRefused();
  if (tokens && (await askForToken("read", why))) restart();
}

function restart() {
  notify("");
  live.restart();
}

function done(text) {
  at("done").textContent = text;
  at("done").hidden = false;
  at("main").focus();
  live.tryLook(false);
}

at("dialect").textContent = me.dialect;
at("dialect").href = `${root}/?${new URLSearchParams({ dialect: me.dialect })}`;
offerCopies();
offerToken(restart);
offerApproval(me, done);
offerRemoval(me, done);
setInterval(() => tick(now()), 1000);
live.restart();
