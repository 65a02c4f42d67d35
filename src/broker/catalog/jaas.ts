// The text of `sasl.jaas.config`: a login module's name, a control flag and options, as Java's JAAS
// writes them: `org...PlainLoginModule required user_alice="secret" user_bob="other";`. Pure.
// Source: javax.security.auth.login.Configuration, KIP-85.

export interface JaasEntry {
  /** The last part of the class's name: `PlainLoginModule`. */
  readonly module: string
  readonly options: ReadonlyMap<string, string>
}

const NAME = /^\s*([A-Za-z_$][\w$.]*)\s+(required|requisite|sufficient|optional)(?=[\s;]|$)/i
/** A value in quotes with backslash escapes, or without quotes and blanks. */
const OPTION = /^\s+([^\s="';]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"';]+))/

/** undefined when the text is not of this form. What is in it is a secret. */
export function parseJaas(text: string): JaasEntry | undefined {
  const start = NAME.exec(text)
  if (start === null) return undefined
  const options = new Map<string, string>()
  let rest = text.slice(start[0].length)
  for (let match = OPTION.exec(rest); match !== null; match = OPTION.exec(rest)) {
    const [all, name, inDouble, inSingle, bare] = match
    options.set(name!, bare ?? (inDouble ?? inSingle ?? '').replace(/\\(.)/g, '$1'))
    rest = rest.slice(all.length)
  }
  if (!/^\s*;\s*$/.test(rest)) return undefined
  return { module: start[1]!.split('.').at(-1)!, options }
}
