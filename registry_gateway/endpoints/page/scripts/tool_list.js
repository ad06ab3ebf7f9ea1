// The tools of a service, with their descriptions from its tools document.

import { root } from "./gateway.js";
import { make } from "./text.js";

const MOST = 200; // tools that are shown

/** The tools: names, completed from a tools document in MCP's form, if it is in that form. */
export function described(names, document) {
  const said = new Map(
    (Array.isArray(document) ? document : []).filter((tool) => typeof tool?.name === "string").map((tool) => [tool.name, tool]),
  );
  return names.map((name) => {
    const { description, "x-command": command, "x-autonomy": autonomy } = said.get(name) ?? {};
    return { name, description: words(description), command: words(command), autonomy: words(autonomy) };
  });
}

function words(value) {
  return typeof value === "string" ? value : "";
}

/** The tools as list items. */
export function toolItems(names, document) {
  const items = described(names.slice(0, MOST), document).map(({ name, description, command, autonomy }) =>
    make(
      "li",
      {},
      make("a", { href: `${root}/page/tools?${new URLSearchParams({ tool: name })}` }, name),
      autonomy ? make("span", { className: "autonomy" }, autonomy) : null,
      description ? make("span", { className: "description" }, description) : null,
      command && command !== name ? make("code", {}, command) : null,
    ),
  );
  const more = names.length - MOST;
  return more > 0 ? [...items, make("li", {}, `and ${more.toLocaleString()} more`)] : items;
}
