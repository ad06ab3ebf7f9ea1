import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { sentence, who } = await script("sentences");
const { described } = await script("tool_list");

test("actors are told in words, known to this version or not", () => {
  const told = {
    gateway: "the gateway",
    anonymous: "a client without a credential",
    "account:billing": "the account billing",
    "cli:root": "root on the command line",
    "key:chap:1a2b3c4d": "a client with the chap key 1a2b3c4d",
    "robot:7": "robot:7",
  };
  for (const [actor, words] of Object.entries(told)) assert.equal(who(actor), words);
});

test("events are sentences", () => {
  const event = { actor: "anonymous", client_address: "10.0.0.1", reason: null, detail: {}, version: "1.0", service_address: "http://a" };
  const told = [
    [{ kind: "registered" }, "Registered by a client without a credential at 10.0.0.1 with version 1.0, at the address http://a."],
    [{ kind: "version_changed", detail: { old: "1", new: "2" } }, "New version from 1 to 2 by a client without a credential at 10.0.0.1."],
    [{ kind: "health_changed", detail: { old_health: null, new_health: "unhealthy" }, client_address: null }, "Health changed from none to unhealthy by a client without a credential."],
    [{ kind: "expired", actor: "gateway", reason: "no heartbeat for 31.0 s (lease: 30 s)", detail: { expires_at: 3 } }, "Lease expired: no heartbeat for 31.0 s (lease: 30 s)."],
    [{ kind: "deregistered", actor: "account:ops", client_address: null, reason: "moved" }, "Deregistered by the account ops: moved."],
    [{ kind: "updated", reason: "tools posted" }, "Updated by a client without a credential at 10.0.0.1: tools posted."],
    [{ kind: "subscribed", actor: "cli:root", client_address: "ws", detail: { subscriber: "ledger", subscription: 1 } }, "Subscribed: ledger depends on it, declared by root on the command line at ws."],
  ];
  for (const [members, words] of told) assert.equal(sentence({ ...event, ...members }), words);
});

test("tools are described where their document does, in whatever form it is", () => {
  const plain = { description: "", command: "", autonomy: "" };
  assert.deepEqual(described(["a"], null), [{ name: "a", ...plain }]);
  assert.deepEqual(described(["a"], { a: 1 }), [{ name: "a", ...plain }]);
  const document = [{ name: "a", description: "An a", "x-command": "/bin/a", "x-autonomy": { odd: 1 } }, null, { name: 7 }];
  assert.deepEqual(described(["a", "b"], document), [{ ...plain, name: "a", description: "An a", command: "/bin/a" }, { name: "b", ...plain }]);
});
