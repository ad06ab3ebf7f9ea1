// The strip above the list: how many services are in which status, what happened in the last hour, and the last day.

import { chart } from "./chart.js";
import { root } from "./gateway.js";
import { patch } from "./patch.js";
import { make, shortTime, span } from "./text.js";

const STATUSES = ["up", "degraded", "down", "pending"];
const KINDS = ["expired", "recovered", "registered", "deregistered"];
const RECENT = 3600; // seconds for which a mass lapse is an error, as the doctor says

const at = (id) => document.getElementById(id);
let drawn = "";

/** Show the strip: statistics of the present, and the overview, which is up to a minute old; null leaves the one before. */
export function showStrip(stats, overview) {
  const statuses = STATUSES.map((status) => figure(stats.by_status[status], status, `${root}/?status=${status}`, `is-${status}`));
  patch(at("now"), ...statuses);
  if (overview === null) return;
  const hour = KINDS.map((kind) => figure(overview.last_hour[kind], kind, `${root}/page/events?kind=${kind}&since=1h`, kind === "expired" ? "is-down" : ""));
  patch(at("hour"), ...hour);
  const known = JSON.stringify(overview.last_day);
  if (known !== drawn) at("day").replaceChildren(chart(overview.last_day));
  drawn = known;
  showBanner(overview);
}

function figure(number, word, href, shade) {
  const className = number ? `figure ${shade}` : "figure none";
  return make("a", { className, href }, make("strong", {}, number.toLocaleString()), make("span", {}, word));
}

function showBanner({ mass_lapses: lapses, emptied, at: when }) {
  const lasting = lapses.filter((lapse) => lapse.recovered < lapse.services);
  const empty = emptied.filter(({ dialect }) => !lasting.some((lapse) => lapse.dialect === dialect));
  const texts = [...lasting.map(lapseText), ...empty.map(emptiedText)];
  const known = JSON.stringify(texts);
  at("banner").hidden = texts.length === 0;
  at("banner").classList.toggle("old", !lasting.some((lapse) => when - lapse.began_at <= RECENT) && empty.length === 0);
  if (at("banner").dataset.known === known) return;
  at("banner").dataset.known = known;
  at("banner").replaceChildren(...texts.map(([title, text, href]) => make("p", {}, make("strong", {}, title), ` ${text} `, make("a", { href }, "Show them in the log"))));
}

/** A mass lapse in words: what lapsed and when, and whether the gateway and its database were present then. */
export function lapseText(lapse) {
  const seconds = Math.max(1, Math.round(lapse.ended_at - lapse.began_at));
  const what = `${lapse.services.toLocaleString()} of ${lapse.live_before.toLocaleString()} ${lapse.dialect} services`;
  const query = new URLSearchParams({ kind: "expired", dialect: lapse.dialect, since: iso(lapse.began_at - 1), until: iso(lapse.ended_at + 1) });
  const title = `${what} lapsed within ${seconds} s, from ${shortTime(lapse.began_at)} on.`;
  return [title, `${presence(lapse.absences)} ${lapse.recovered.toLocaleString()} of them ${lapse.recovered === 1 ? "is" : "are"} live again.`, `${root}/page/events?${query}`];
}

function presence(absences) {
  if (absences.length === 0) return "The gateway and its database were present all the time.";
  const causes = new Set(absences.map(({ cause }) => cause));
  const ended = absences.filter(({ until }) => until !== null);
  const length = ended.length === absences.length ? ` for ${span(ended.reduce((all, one) => all + one.until - one.since, 0))}` : "";
  if (causes.size === 1 && causes.has("database")) return `Before that the database could not be written${length}.`;
  if (!causes.has("database")) return `Before that no gateway was running${length}.`;
  return `Before that no gateway was running, or the database could not be written${length}.`;
}

function emptiedText({ dialect, at: when, services }) {
  const query = new URLSearchParams({ kind: "expired,deregistered", dialect, since: "24h" });
  const text = `It had ${services.toLocaleString()} within the last day; the last one ended at ${shortTime(when)}.`;
  return [`${dialect} has no live service.`, text, `${root}/page/events?${query}`];
}

function iso(time) {
  return new Date(Math.round(time) * 1000).toISOString().replace(".000Z", "Z");
}
