// The page of tools: which there are, who has them, and how they are run.

import { copyButton } from "./copy.js";
import { Fields } from "./fields.js";
import { ask, now, reader, root, servicePath } from "./gateway.js";
import { showLatest } from "./latest.js";
import { Live } from "./live.js";
import { notify } from "./notice.js";
import { badge, make, plural, tick } from "./text.js";
import { askForToken, forgetRefused, offerToken } from "./token.js";

const STEP = 200; // tools that are shown at first, and with each "Show more"
const HOSTS = 200; // services of a tool that are shown

const at = (id) => document.getElementById(id);
const body = at("tools").tBodies[0];
const fields = new Fields(at("filters"), ["q", "tool"], []);
const read = reader();
const opened = new Map(); // what is shown below a tool, by its name
let wanted = STEP;
let shown = "";

const live = new Live({ query: () => "", look, changed: showLatest, refused, trouble });

async function look(light, signal) {
  if (light) return;
  const { q, tool } = fields.values();
  const query = new URLSearchParams({ limit: `${wanted}` });
  if (q) query.set("q", q);
  let found = await read(`/catalog/v1/tools?${query}`, signal);
  const listed = !tool || found.tools.some(({ name }) => name === tool);
  if (!listed && found.next !== null) found = await read(`/catalog/v1/tools?${new URLSearchParams({ q: tool })}`, signal);
  if (tool && !opened.has(tool) && found.tools.some(({ name }) => name === tool)) opened.set(tool, null);
  for (const name of opened.keys()) opened.set(name, await hostsOf(name, signal));
  show(found);
}

/** The services that have a tool; none any more if the last one lost it meanwhile. */
async function hostsOf(name, signal) {
  try {
    return await (await ask(`/catalog/v1/tools/${encodeURIComponent(name)}?limit=${HOSTS}`, { signal })).json();
  } catch (error) {
    if (error.status === 404) return { name, total: 0, hosts: [] };
    throw error;
  }
}

function show(found) {
  const now = JSON.stringify([found, [...opened]]);
  if (now === shown) return;
  shown = now;
  at("tools").hidden = found.total === 0;
  at("nothing").hidden = found.total > 0;
  at("nothing").textContent = fields.values().q ? "No matching tools." : "No registered service has tools.";
  const focused = document.activeElement?.closest("[data-tool]")?.getAttribute("data-tool");
  body.replaceChildren(...found.tools.flatMap(row));
  if (focused) [...body.querySelectorAll("[data-tool]")].find((button) => button.dataset.tool === focused)?.focus();
  at("further").hidden = found.next === null || wanted >= 1000;
  at("count").textContent = plural(found.total, "tool", "tools");
}

const words = (value) => (typeof value === "string" ? value : "");

function row(tool) {
  const open = opened.has(tool.name);
  const button = make("button", { type: "button", title: tool.name, onclick: () => toggle(tool.name) }, tool.name);
  button.setAttribute("aria-expanded", `${open}`);
  button.dataset.tool = tool.name;
  const down = tool.services - tool.up;
  const where = `${root}/?${new URLSearchParams({ tool: tool.name, match: "exact" })}`;
  const others = tool.services - tool.hosts.length;
  const hosts = tool.hosts.map((host) => host.address || host.name).join(", ") + (others > 0 ? ` and ${others.toLocaleString()} more` : "");
  const line = make(
    "tr",
    {},
    make("th", { scope: "row", className: "tool-name" }, button),
    cell("description", words(tool.description)),
    cell("autonomy", words(tool.extensions["x-autonomy"])),
    cell("command", words(tool.extensions["x-command"])),
    make("td", { className: "number" }, make("a", { href: where }, plural(tool.services, "service", "services")), down ? `, ${down.toLocaleString()} not up` : ""),
    cell("hosts", hosts),
  );
  return open ? [line, make("tr", { className: "of-tool" }, make("td", { colSpan: 6 }, hostList(opened.get(tool.name))))] : [line];
}

function cell(className, text) {
  return make("td", { className, title: text }, text);
}

function hostList({ hosts, total }) {
  const items = hosts.map((host) => {
    const path = servicePath(host.dialect, host.key);
    const name = host.name || host.key;
    return make(
      "li",
      {},
      make("span", {}, badge(host.status)),
      path === null ? make("span", {}, name) : make("a", { href: root + path }, name),
      make("span", { className: "address", title: host.address ?? "" }, host.address ?? ""),
      make("code", { title: host.command ?? "" }, host.command ?? ""),
      host.command ? copyButton(`the command for ${name}`, () => host.command) : make("span"),
    );
  });
  if (total > hosts.length) items.push(make("li", {}, `and ${(total - hosts.length).toLocaleString()} more`));
  return make("ul", { className: "host-list" }, ...items);
}

/** Show or hide the services of a tool; the address has the one that was opened last. */
function toggle(name) {
  const open = !opened.has(name);
  if (open) opened.set(name, null);
  else opened.delete(name);
  fields.go({ ...fields.values(), tool: open ? name : "" }, { replace: true });
  live.tryLook(false);
}

function trouble(problem) {
  notify(problem && `${problem.message}. Retrying.`);
}

async function refused(problem) {
  const tokens = problem.status === 401 || problem.status === 403;
  notify(tokens ? "The catalogue is protected." : `${problem.message}.`, tokens && "Enter token", () => refused(problem));
  const why = problem.status === 403 ? `${problem.message}.` : tokens && forgetRefused();
  if (tokens && (await askForToken("read", why))) restart();
}

function restart() {
  notify("");
  live.restart();
}

at("further").addEventListener("click", () => {
  wanted = Math.min(wanted + STEP, 1000);
  live.tryLook(false);
});
fields.follow(restart);
offerToken(restart);
setInterval(() => tick(now(), body), 1000);
live.restart();
