// The latest change, in the footer; and new problems, announced to screen readers.

import { root } from "./gateway.js";
import { announce } from "./notice.js";
import { clockTime, happened, make, plural } from "./text.js";

const GRAVE = new Set(["expired", "degraded", "unreachable", "deregistered"]);
const TOGETHER = 2000; // milliseconds in which changes are announced as one

let grave = [];
let telling;

/** Show an event as the latest change. */
export function showLatest(event) {
  const place = document.getElementById("latest");
  const name = event.name || event.key;
  const text = `${name} ${happened(event.kind)}${event.reason ? `: ${event.reason}` : ""}`;
  place.hidden = false;
  place.replaceChildren(
    make("time", { dateTime: new Date(event.at * 1000).toISOString() }, clockTime(event.at)),
    " ",
    make("a", { href: `${root}/page/events`, title: text }, text),
  );
  if (!GRAVE.has(event.kind)) return;
  grave.push(`${name}: ${happened(event.kind)}`);
  telling ??= setTimeout(() => {
    announce(grave.length > 3 ? `${plural(grave.length, "service", "services")} lapsed or left` : grave.join(", "));
    grave = [];
    telling = undefined;
  }, TOGETHER);
}
