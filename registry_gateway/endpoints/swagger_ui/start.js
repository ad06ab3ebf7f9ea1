// Starts Swagger UI, follows the reader's colour scheme, and mends what assistive technologies can't use.

const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
colour();
dark.addEventListener("change", colour);

const api = document.getElementById("api");

function mend() {
  // The list of servers has no label.
  api.querySelector("#servers")?.setAttribute("aria-label", "Server");
  // A link within a button: the button does the same, and changes the address too.
  for (const link of api.querySelectorAll(".opblock-summary-control a[href]")) link.removeAttribute("href");
  // The title is a heading of level 1, those of the sections are of level 3.
  for (const [heading, level] of [["h3.opblock-tag", "2"], ["h4", "3"]]) {
    for (const found of api.querySelectorAll(`${heading}:not([aria-level])`)) found.setAttribute("aria-level", level);
  }
  // Parts outside of the main part of the page.
  for (const [part, name] of [["information-container", "About"], ["scheme-container", "Server and credentials"]]) {
    const found = api.querySelector(`.${part}:not([role])`);
    found?.setAttribute("role", "region");
    found?.setAttribute("aria-label", name);
  }
}
new MutationObserver(mend).observe(api, { childList: true, subtree: true });

SwaggerUIBundle({
  url: document.currentScript.dataset.document,
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  tryItOutEnabled: false,
  validatorUrl: null, // the default would send the document to swagger.io
});
