// Events as sentences.

import { details, happened } from "./text.js";

/** Who caused an event, in words: of an actor such as `account:billing` or `key:chap:1a2b3c4d`. */
export function who(actor) {
  const [kind, ...rest] = actor.split(":");
  const name = rest.join(":");
  if (actor === "gateway") return "the gateway";
  if (actor === "anonymous") return "a client without a credential";
  if (kind === "account" && name) return `the account ${name}`;
  if (kind === "cli" && name) return `${name} on the command line`;
  if (kind === "key" && rest.length === 2) return `a client with the ${rest[0]} key ${rest[1]}`;
  return actor;
}

/** What follows the name of the event in its sentence; empty if there is nothing more to say. */
export function rest(event) {
  const { kind, detail, reason } = event;
  const by = event.actor === "gateway" ? "" : ` by ${who(event.actor)}${event.client_address ? ` at ${event.client_address}` : ""}`;
  const because = reason ? `: ${reason}` : "";
  if (kind === "registered") return `${by}${stated(event)}${because}`;
  if (kind === "version_changed") return ` from ${detail.old ?? "none"} to ${detail.new}${by}`;
  if (kind === "health_changed") return ` from ${detail.old_health ?? "none"} to ${detail.new_health}${by}`;
  if (["expired", "degraded", "unreachable", "recovered", "purged"].includes(kind)) return because;
  if (kind === "subscribed") return `: ${detail.subscriber} depends on it${by && `, declared${by}`}`;
  if (kind === "unsubscribed") return `: ${detail.subscriber} depends on it no longer${by && `, declared${by}`}`;
  const changes = details(detail);
  return `${by}${because}${changes && `${because ? "; " : ": "}${changes}`}`;
}

function stated({ version, service_address: address }) {
  return [version && ` with version ${version}`, address && ` at the address ${address}`].filter(Boolean).join(",");
}

/** An event as one sentence, as it is copied and read aloud. */
export function sentence(event) {
  const said = `${happened(event.kind)}${rest(event)}`;
  return `${said[0].toUpperCase()}${said.slice(1)}.`;
}
