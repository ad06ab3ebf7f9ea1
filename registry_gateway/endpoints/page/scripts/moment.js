// The control for the moment of the list: now, or one in the past.

import { filters, travel } from "./filters.js";
import { now } from "./gateway.js";
import { at as secondsOf } from "./past.js";
import { moment } from "./text.js";

const at = (id) => document.getElementById(id);

/** A time as the value of a field for date and time, in the reader's time zone. */
function local(seconds) {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function iso(seconds) {
  return new Date(Math.floor(seconds) * 1000).toISOString().replace(".000Z", "Z");
}

/** Show the moment of the address. */
export function showMoment() {
  const given = filters().at;
  const seconds = given ? secondsOf(new URLSearchParams({ at: given })) : now();
  at("moment-shown").textContent = given ? (Number.isNaN(seconds) ? given : moment(seconds)) : "now";
  if (!Number.isNaN(seconds)) at("at").value = local(seconds);
}

/** Listen to the control; `changed` is called for another moment. */
export function followMoment(changed) {
  const go = (text) => {
    travel(text);
    at("moment").open = false;
    changed();
  };
  at("moment").addEventListener("toggle", showMoment);
  at("go").addEventListener("click", () => {
    const seconds = new Date(at("at").value).getTime() / 1000;
    if (!Number.isNaN(seconds)) go(iso(Math.min(seconds, now())));
  });
  at("back").addEventListener("click", () => go(""));
  for (const button of at("moment").querySelectorAll("[data-ago]")) {
    button.addEventListener("click", () => go(iso(now() - Number(button.dataset.ago))));
  }
  showMoment();
}
