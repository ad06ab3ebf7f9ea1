// Time travel: the services that were alive at a moment, and what is different now.

import { reader, root, servicePath } from "./gateway.js";
import { identity } from "./row.js";
import { badge, make, moment, plural, shortTime, ticking } from "./text.js";

const MOST = 5000; // services that are compared
const PAGE = 1000; // services on one page of the catalogue
const NOW = "dialect,key,name,version,address,status,health,registered_at,expires_at";
const ORDER = ["ended", "new", "changed", "registered again", "same"];

const readers = [];
let kept = { query: "", services: [], total: 0 }; // the past does not change

/** Read a list page by page: up to `MOST` services, and the number of all. */
async function readAll(query, read, signal) {
  const services = [];
  for (let page = 0, cursor = ""; ; page += 1) {
    const given = new URLSearchParams(query);
    given.set("limit", `${PAGE}`);
    if (cursor) given.set("cursor", cursor);
    const found = await read(page)(`/catalog/v1/services?${given}`, signal);
    services.push(...found.services);
    cursor = found.next;
    if (cursor === null || services.length >= MOST) return { services, total: found.total };
  }
}

/** The services at the moment in `query`, compared with those of now: rows, the number then, and whether that is all. */
export async function readPast(query, signal) {
  if (kept.query !== `${query}`) {
    const then = await readAll(query, () => reader(), signal);
    kept = { query: `${query}`, ...then };
  }
  const present = new URLSearchParams(query);
  present.delete("at");
  present.set("sort", "key");
  present.set("fields", NOW);
  const now = await readAll(present, (page) => (readers[page] ??= reader()), signal);
  const complete = kept.services.length === kept.total && now.services.length === now.total;
  return { rows: compared(kept.services, now.services, at(query)), total: kept.total, complete };
}

/** The moment of a query in seconds since the epoch. */
export function at(query) {
  const text = query.get("at");
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) / 1000;
}

/**
 * Rows of services then and now: {change, before, after}, null where there was or is none. What is down
 * counts as ended.
 */
export function compared(then, now, moment) {
  const present = new Map(now.map((service) => [identity(service), service]));
  const past = new Set(then.map(identity));
  const rows = then.map((service) => {
    const today = present.get(identity(service)) ?? null;
    return { change: changed(service, today, moment), before: service, after: today };
  });
  for (const service of now) {
    if (!past.has(identity(service)) && alive(service)) rows.push({ change: "new", before: null, after: service });
  }
  return rows.sort((one, other) => ORDER.indexOf(one.change) - ORDER.indexOf(other.change));
}

function alive(service) {
  return service.status !== "down" && service.health === "healthy";
}

function changed(then, now, moment) {
  if (now === null || !alive(now)) return "ended";
  if (["name", "version", "address"].some((member) => (then[member] ?? null) !== (now[member] ?? null))) return "changed";
  return now.registered_at > moment ? "registered again" : "same";
}

/** The difference in words: "2 ended, 1 is new". */
export function summary(rows) {
  const counts = ORDER.map((change) => [change, rows.filter((row) => row.change === change).length]);
  const parts = counts.filter(([change, number]) => change !== "same" && number).map(([change, number]) => {
    const words = { new: number === 1 ? "is new" : "are new", "registered again": "registered again" }[change] ?? change;
    return `${number.toLocaleString()} ${words}`;
  });
  return parts.length ? `Since then ${parts.join(", ")}.` : "Nothing is different now.";
}

/** Show the comparison in the table, and in a sentence above it. */
export function showPast({ rows, total, complete }, query) {
  const text = document.getElementById("then-text");
  const limit = complete ? "" : ` Only the first ${MOST.toLocaleString()} are compared.`;
  text.textContent = `As of ${moment(at(query))}, ${plural(total, "service was", "services were")} alive. ${summary(rows)}${limit}`;
  document.getElementById("past").tBodies[0].replaceChildren(...rows.map(row));
}

function row({ change, before, after }) {
  const service = before ?? after;
  const path = servicePath(service.dialect, service.key);
  const name = service.name || service.key;
  const shades = { ended: "down", new: "up", changed: "degraded", "registered again": "pending", same: "gone" };
  const why = change === "ended" ? (after === null ? "gone" : `expired ${shortTime(after.expires_at)}`) : null;
  const since = before === null ? after.registered_at : before.since;
  return make(
    "tr",
    { className: `change-${change.split(" ")[0]}` },
    make("td", { className: "status" }, badge(shades[change], change), why && make("span", { className: "why" }, why)),
    make("th", { scope: "row", className: "name", title: name }, path === null ? name : make("a", { href: root + path }, name)),
    make("td", { className: "key", title: service.key }, service.key),
    make("td", { className: "dialect" }, service.dialect),
    difference("version", before?.version, after?.version, change),
    difference("address", before?.address, after?.address, change),
    make("td", { className: "seen" }, since ? ticking(since) : "before the log"),
  );
}

function difference(className, before, after, change) {
  const text = change === "changed" && before !== after ? `${before ?? "none"} → ${after ?? "none"}` : (before ?? after ?? "");
  return make("td", { className, title: text }, text);
}
