SwaggerUIBundle({
  url: document.currentScript.dataset.document,
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  tryItOutEnabled: false,
  validatorUrl: null, // the default would send the document to swagger.io
});
