import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/*", "!src/", "!src/**", "**/vendor/", "src/numeye/server/docs.js"] },
  js.configs.recommended,
  {
    files: ["src/numeye/**/web/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "max-len": ["error", { code: 100, ignoreTemplateLiterals: false }],
      "max-lines": ["error", 400],
      "no-implicit-coercion": "error",
      "no-shadow": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
];
