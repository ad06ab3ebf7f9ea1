// Approving and removing, with an administrator's token.

import { administer, Problem, token } from "./gateway.js";
import { make } from "./text.js";
import { askForToken, forgetRefused } from "./token.js";

const at = (id) => document.getElementById(id);

const OFF = "Administration is off: there is no valid token with the scope admin:registry. Create one as above.";

/** Call `act`, and ask for a token until one is accepted. Resolves to whether `act` succeeded. */
async function withToken(act) {
  let problem = "";
  for (;;) {
    if ((problem || !token.get()) && !(await askForToken("admin", problem))) return false;
    if (!token.get()) return false; // it was forgotten
    try {
      await act();
      return true;
    } catch (error) {
      if (error.status === 401) {
        problem = forgetRefused();
      } else if (error.status === 403) {
        problem = `${error.message}.`;
      } else if (error.status === 404 && error.code === undefined) {
        problem = OFF;
      } else {
        throw error;
      }
    }
  }
}

/** Approve on a click of the button; `done(text)` is called with the result. */
export function offerApproval(service, done) {
  at("approve").addEventListener("click", async () => {
    try {
      if (await withToken(() => administer("services/approve", service))) done("Approved.");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      done(`Not approved: ${error.message}.`);
    }
  });
}

/** Remove on a click of the button, after a confirmation. */
export function offerRemoval(service, done) {
  const dialog = at("remove-dialog");
  at("remove").addEventListener("click", () => {
    at("remove-name").replaceChildren(make("span", {}, service.key), make("span", { className: "aside" }, ` (${service.dialect})`));
    at("remove-problem").textContent = "";
    dialog.showModal();
  });
  at("remove-cancel").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    at("remove-problem").textContent = "";
    const reason = at("remove-reason").value.trim();
    try {
      if (!(await withToken(() => administer("services/remove", reason ? { ...service, reason } : service)))) return;
      dialog.close();
      done("Removed.");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      at("remove-problem").textContent = `Not removed: ${error.message}.`;
    }
  });
}
