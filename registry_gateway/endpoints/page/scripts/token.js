// The dialog that takes a token, and the button in the header that opens it.

import { token } from "./gateway.js";

const dialog = document.getElementById("token-dialog");
const field = document.getElementById("token-field");
const button = document.getElementById("token");
let settle = (_given) => {};

const WHY = {
  admin: ["Approving and removing services needs a token of an account with the scope admin:registry.", "admin:registry"],
  read: ["Reading the catalogue needs a token of an account with the scope read:catalog.", "read:catalog"],
};

/** Ask for a token. Resolves to whether there is a new one. */
export function askForToken(purpose, problem = "") {
  settle(false);
  const [why, scope] = WHY[purpose];
  document.getElementById("token-why").textContent = why;
  document.getElementById("token-how").textContent = `registry-gateway accounts create NAME --scope ${scope}`;
  document.getElementById("token-problem").textContent = problem;
  document.getElementById("token-forget").hidden = !token.get();
  field.value = "";
  if (!dialog.open) dialog.showModal();
  field.focus();
  return new Promise((resolve) => (settle = resolve));
}

/** Remove a token that the gateway refused. Returns the message about it; empty if none was sent. */
export function forgetRefused() {
  if (!token.get()) return "";
  token.set(null);
  label();
  return "The token is invalid or has expired.";
}

function label() {
  document.body.classList.toggle("with-token", Boolean(token.get()));
  button.textContent = token.get() ? "Token kept in this tab" : "Token…";
}

function done(given) {
  dialog.close();
  label();
  const resolve = settle;
  settle = (_given) => {};
  resolve(given);
}

/** Show the button; `changed` is called whenever there is another token, or none any more. */
export function offerToken(changed) {
  button.hidden = false;
  label();
  button.addEventListener("click", async () => (await askForToken("admin")) && changed());
  document.getElementById("token-cancel").addEventListener("click", () => done(false));
  document.getElementById("token-forget").addEventListener("click", () => {
    token.set(null);
    done(true);
  });
  dialog.addEventListener("cancel", () => done(false));
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!/^[\x21-\x7e]+$/.test(field.value.trim())) {
      document.getElementById("token-problem").textContent = "A token contains only ASCII characters, without spaces.";
      return;
    }
    token.set(field.value.trim());
    field.value = "";
    done(true);
  });
}
