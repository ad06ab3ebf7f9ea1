// Completions of the filters: the values that services have now.

import { ask, Problem } from "./gateway.js";
import { make } from "./text.js";

const MOST = 500; // values that are offered for a field

/** The host in an address: of a URL, or of `host:port`. */
export function hostOf(address) {
  return /^(?:[^/]*:\/\/)?(\[[^\]]*\]|[^:/?#]*)/.exec(address ?? "")?.[1] ?? "";
}

/** The values by field: {name, version, host}, without duplicates, sorted. */
export function valuesOf(services) {
  const values = {
    name: services.map((service) => service.name),
    version: services.map((service) => service.version),
    host: services.map((service) => hostOf(service.address)),
  };
  return Object.fromEntries(Object.entries(values).map(([field, all]) => [field, distinct(all)]));
}

function distinct(values) {
  return [...new Set(values.filter(Boolean))].sort((one, other) => one.localeCompare(other)).slice(0, MOST);
}

function offer(field, values) {
  document.getElementById(`${field}-values`).replaceChildren(...values.map((value) => make("option", { value })));
}

/** Read the values when the fields are opened, each time. Without them, the fields work as before. */
export function offerValues(details) {
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    try {
      const [listed, tools] = await Promise.all(
        ["services?fields=name,version,address&limit=1000", `tools?limit=${MOST}`].map(async (path) =>
          (await ask(`/catalog/v1/${path}`)).json(),
        ),
      );
      for (const [field, values] of Object.entries(valuesOf(listed.services))) offer(field, values);
      offer("tool", tools.tools.map((tool) => tool.name));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  });
}
