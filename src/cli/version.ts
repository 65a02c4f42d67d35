// The version that `--version` and the first-run screen print; a test holds it to package.json.

export const VERSION = '0.1.0'
