// How the name in a client certificate becomes a user: `ssl.principal.mapping.rules`, a list of
// DEFAULT (the whole name) and RULE:pattern/replacement/[LU] (the pattern must match the whole name;
// $1 is its first group; L and U change the case). The first rule that matches counts. Patterns run
// in time linear to the name, which a stranger chooses. Source: KIP-371.

import { type LinearRegExp, linearRegExp } from '../../host/linear-regexp.ts'

type Rule =
  | { readonly kind: 'default' }
  | {
      readonly kind: 'pattern'
      readonly pattern: LinearRegExp
      readonly replacement: string
      readonly letters: 'L' | 'U' | ''
    }

export type PrincipalMapping = readonly Rule[]

const DEFAULT = /^\s*DEFAULT\s*(?:,|$)/
/** A slash within the pattern or the replacement carries a backslash. */
const RULE = /^\s*RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?)\s*(?:,|$)/

/** The rules, or a sentence about the first that is none. */
export function parsePrincipalMapping(
  text: string,
): { readonly kind: 'rules'; readonly rules: PrincipalMapping } | { kind: 'wrong'; why: string } {
  const rules: Rule[] = []
  let rest = text.trim() === '' ? 'DEFAULT' : text
  while (rest.trim() !== '') {
    const plain = DEFAULT.exec(rest)
    const match = plain ?? RULE.exec(rest)
    if (match === null) {
      const why = `'${rest.trim()}' is neither DEFAULT nor RULE:pattern/replacement/ with L or U or nothing behind.`
      return { kind: 'wrong', why }
    }
    if (plain !== null) rules.push({ kind: 'default' })
    else {
      const [, source = '', replacement = '', letters = ''] = match
      const pattern = linearRegExp(source)
      if (pattern === undefined) {
        const why = `'${source}' is no regular expression that can be matched in linear time.`
        return { kind: 'wrong', why }
      }
      rules.push({ kind: 'pattern', pattern, replacement, letters: lettersOf(letters) })
    }
    rest = rest.slice(match[0].length)
  }
  return { kind: 'rules', rules }
}

/** undefined when no rule matches. @param name of the certificate, RFC 2253 */
export function mapPrincipal(rules: PrincipalMapping, name: string): string | undefined {
  for (const rule of rules) {
    if (rule.kind === 'default') return name
    const groups = rule.pattern.exec(name)
    if (groups === null) continue
    const user = rule.replacement.replace(/\$(\d)|\\(.)/g, (_, group?: string, plain?: string) => {
      return plain ?? groups[Number(group)] ?? ''
    })
    if (rule.letters === 'L') return user.toLowerCase()
    return rule.letters === 'U' ? user.toUpperCase() : user
  }
  return undefined
}

function lettersOf(text: string): 'L' | 'U' | '' {
  return text === 'L' || text === 'U' ? text : ''
}
