// Problems, above everything else; and announcements for screen readers.

import { make } from "./text.js";

const notice = document.getElementById("notice");
const announcer = document.getElementById("announcer");

/** Show a problem, with an action that may solve it; without a text, hide the notice. */
export function notify(text, action = null, act = null) {
  notice.hidden = !text;
  const known = notice.firstChild?.textContent;
  if (known === text) return; // shown already
  notice.replaceChildren();
  if (!text) return;
  notice.append(make("span", {}, text));
  if (action) notice.append(" ", make("button", { type: "button", onclick: act }, action));
}

/** Announce a text politely to screen readers. */
export function announce(text) {
  announcer.textContent = text;
}
