// Buttons that copy a text.

import { announce } from "./notice.js";
import { make } from "./text.js";

const SHOWN = 1500; // milliseconds for which a button says that it has copied

/** A button that copies what `text` returns when it is clicked. `what` names it for screen readers. */
export function copyButton(what, text) {
  const button = make("button", { type: "button", className: "copy", title: `Copy ${what}` }, "Copy");
  button.setAttribute("aria-label", `Copy ${what}`);
  button.addEventListener("click", async () => {
    const done = await copy(text());
    button.textContent = done ? "Copied" : "Not copied";
    announce(done ? `Copied ${what}` : `Could not copy ${what}`);
    setTimeout(() => (button.textContent = "Copy"), SHOWN);
  });
  return button;
}

/** Copy a text; resolves to whether that worked. Browsers have a clipboard only on HTTPS and on the own machine. */
async function copy(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  const field = make("textarea", { value: text, readOnly: true, className: "unseen" });
  const within = document.querySelector("dialog[open]") ?? document.body;
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  within.append(field);
  field.select();
  const done = document.execCommand("copy"); // deprecated, and the only way without HTTPS
  field.remove();
  focused?.focus();
  return done;
}
