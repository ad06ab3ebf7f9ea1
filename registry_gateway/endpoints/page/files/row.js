// A service as a row of the list.

import { servicePath, root } from "./gateway.js";
import { address, badge, make, ticking } from "./text.js";

const TOOLS = 2; // names shown in a row

export const identity = (service) => JSON.stringify([service.dialect, service.key]);

/** Why a service is as it is, where one word more helps: its own complaint, or its dialect's word for the silence. */
export function complaint(service) {
  if (service.health !== "healthy" && service.health !== service.status) return service.health;
  if (service.health === "healthy" && service.reported && service.reported !== "healthy") {
    return `says ${service.reported}`;
  }
  return null;
}

export class Row {
  constructor() {
    this.element = make("tr", { role: "row" });
  }

  /** Show the service as it is now; whoever stands on its link keeps standing there. */
  update(service) {
    const { last_seen: seen, expires_at: _end, ...rest } = { ...this.service, ...service };
    this.service = { ...this.service, ...service };
    const shown = JSON.stringify(rest);
    if (shown === this.shown) {
      this.seen.at = seen;
      return;
    }
    this.shown = shown;
    const focused = this.element.contains(document.activeElement);
    this.seen = ticking(seen);
    this.element.replaceChildren(...cells(this.service, this.seen));
    if (focused) this.element.querySelector("a")?.focus();
  }
}

function cells(service, seen) {
  const path = servicePath(service.dialect, service.key);
  const name = service.name || service.key;
  const linked = path === null ? name : make("a", { href: root + path }, name);
  const why = complaint(service);
  const tools = service.tools ?? [];
  const more = tools.length > TOOLS ? make("span", { className: "more" }, ` +${tools.length - TOOLS}`) : null;
  return [
    cell("status", badge(service.status), why && make("span", { className: "why" }, why)),
    make(
      "th",
      { className: "name", scope: "row", role: "rowheader" },
      linked,
      name === service.key ? null : make("span", { className: "key" }, service.key),
      make("span", { className: "narrow" }, narrow(service)),
    ),
    cell("dialect", service.dialect),
    cell("version", service.version ?? ""),
    cell("address", address(service.address)),
    cell("tools", tools.slice(0, TOOLS).join(", "), more),
    cell("seen", seen),
  ];
}

/** Roles are told, too: laid out as on a narrow screen, a table is none to screen readers otherwise. */
function cell(className, ...children) {
  return make("td", { className, role: "cell" }, ...children);
}

/** What a narrow screen has no columns for. */
function narrow(service) {
  return [service.dialect, service.version, service.address].filter(Boolean).join(" · ");
}
