// Starts swagger-ui. Without a validator it asks nobody but this server.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
});
