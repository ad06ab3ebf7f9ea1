// Changes to what is shown that leave in place what is the same.

import { now } from "./gateway.js";
import { make, tick } from "./text.js";

/** Make these the children of an element. Equal ones stay; the replacement of one with the focus gets the focus. */
export function patch(place, ...children) {
  const fresh = make("div", {}, ...children);
  tick(now(), fresh);
  const there = [...place.childNodes];
  const wanted = [...fresh.childNodes];
  wanted.forEach((node, index) => {
    if (index >= there.length) place.append(node);
    else if (!there[index].isEqualNode(node)) {
      const focused = there[index] === document.activeElement;
      there[index].replaceWith(node);
      if (focused) /** @type {HTMLElement} */ (node).focus?.({ preventScroll: true });
    }
  });
  there.slice(wanted.length).forEach((node) => node.remove());
}
