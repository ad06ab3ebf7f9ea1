// A service as a row of the list.

import { root, servicePath } from "./gateway.js";
import { address, badge, leaseBar, make, shortTime, ticking } from "./text.js";

const TOOLS = 2; // names shown in a row

export const identity = (service) => JSON.stringify([service.dialect, service.key]);

/** Why a service has its status, in one or two words; null where the status is enough. */
export function reason(service) {
  if (service.ended) return `${service.ended.kind} ${shortTime(service.ended.at)}`;
  if (service.health !== "healthy" && service.expires_at) return `expired ${shortTime(service.expires_at)}`;
  if (service.health === "healthy" && service.reported && service.reported !== "healthy") return `says ${service.reported}`;
  return null;
}

/** The tools to show of a service: first those that were searched for, marked as a hit. */
export function toolsShown(tools, wanted) {
  const hits = wanted.filter(Boolean).map((word) => word.toLowerCase());
  const hit = (name) => hits.some((word) => name.toLowerCase().includes(word));
  const found = tools.filter(hit);
  const others = tools.filter((name) => !hit(name));
  return [...found.map((name) => ({ name, hit: true })), ...others.map((name) => ({ name, hit: false }))].slice(0, TOOLS);
}

export class Row {
  constructor() {
    this.element = make("tr", { role: "row" });
  }

  /** Show the service as it is now. `wanted` are the words that are searched for in tools. The focus stays. */
  update(service, wanted = []) {
    const { last_seen: seen, expires_at: end, ...rest } = { ...this.service, ...service };
    this.service = { ...this.service, ...service };
    const shown = JSON.stringify([rest, wanted]);
    if (shown === this.shown) {
      this.seen.at = rest.ended?.at ?? seen;
      if (this.bar) this.bar.at = end;
      return;
    }
    this.shown = shown;
    const focused = this.element.contains(document.activeElement);
    this.seen = ticking(rest.ended?.at ?? seen);
    this.bar = rest.status === "gone" || rest.health !== "healthy" ? null : leaseBar(end, rest.ttl, rest.status);
    this.element.replaceChildren(...this.cells(wanted));
    if (focused) this.element.querySelector("a")?.focus();
  }

  cells(wanted) {
    const { service } = this;
    const path = servicePath(service.dialect, service.key);
    const name = service.name || service.key;
    const linked = path === null ? name : make("a", { href: root + path }, name);
    const why = reason(service);
    return [
      cell("status", why, badge(service.status), why && make("span", { className: "why" }, why)),
      make(
        "th",
        { className: "name", scope: "row", role: "rowheader", title: name },
        linked,
        make("span", { className: "narrow" }, narrow(service)),
      ),
      cell("key", service.key, service.key),
      cell("dialect", null, service.dialect),
      cell("version", service.version, service.version ?? ""),
      cell("address", service.address, address(service.address)),
      service.ended ? cell("tools", service.ended.reason, service.ended.reason ?? "") : cell("tools", null, ...tools(service.tools ?? [], wanted)),
      cell("seen", null, this.seen, this.bar ?? make("span", { className: "bar none" })),
    ];
  }
}

function tools(names, wanted) {
  const shown = toolsShown(names, wanted);
  const tags = shown.map(({ name, hit }) => make("span", { className: hit ? "tool hit" : "tool", title: name }, name));
  const rest = names.length - shown.length;
  return rest > 0 ? [...tags, make("span", { className: "more", title: names.join(", ") }, `+${rest}`)] : tags;
}

/** Roles are given, too: as a grid on a narrow screen, a table would not be one for screen readers. */
function cell(className, title, ...children) {
  return make("td", title ? { className, role: "cell", title } : { className, role: "cell" }, ...children);
}

/** What a narrow screen has no columns for. */
function narrow(service) {
  const parts = [service.dialect, service.version, service.address];
  return [...(service.name && service.name !== service.key ? [service.key] : []), ...parts].filter(Boolean).join(" · ");
}
