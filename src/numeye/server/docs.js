// Starts swagger-ui. Without a validator it sends requests to this server only.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
});
