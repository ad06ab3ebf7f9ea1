// What is the matter, above everything else; and what those who can't see the page are told in passing.

import { make } from "./text.js";

const notice = document.getElementById("notice");
const announcer = document.getElementById("announcer");

/** Show what is the matter, with something to do about it; nothing without a text. */
export function notify(text, action = null, act = null) {
  notice.hidden = !text;
  const known = notice.firstChild?.textContent;
  if (known === text) return; // said once
  notice.replaceChildren();
  if (!text) return;
  notice.append(make("span", {}, text));
  if (action) notice.append(" ", make("button", { type: "button", onclick: act }, action));
}

/** Have a screen reader say something when it has nothing else to say. */
export function announce(text) {
  announcer.textContent = text;
}
