// RE2's syntax of regular expressions in that of V8, for texts in ASCII: what both write alike passes,
// what V8 would read as something else is rewritten (flags in the pattern, \Q..\E, \A, \z, classes by
// name, names of groups), and what neither can do in linear time is refused.
// Source: https://github.com/google/re2/wiki/Syntax, which RE2/J follows.

type Range = readonly [first: number, last: number]

const DIGIT: Range = [0x30, 0x39]
const UPPER: Range = [0x41, 0x5a]
const LOWER: Range = [0x61, 0x7a]

const NAMED_CLASSES: Readonly<Record<string, readonly Range[]>> = {
  alnum: [DIGIT, UPPER, LOWER],
  alpha: [UPPER, LOWER],
  ascii: [[0, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: [DIGIT],
  graph: [[0x21, 0x7e]],
  lower: [LOWER],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper: [UPPER],
  word: [DIGIT, UPPER, [0x5f, 0x5f], LOWER],
  xdigit: [DIGIT, [0x41, 0x46], [0x61, 0x66]],
}

const PERL_CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: NAMED_CLASSES['digit']!,
  s: [
    [0x09, 0x0a],
    [0x0c, 0x0d],
    [0x20, 0x20],
  ],
  w: NAMED_CLASSES['word']!,
}

/** The ASCII part of the properties that have one. */
const PROPERTIES: Readonly<Record<string, readonly Range[]>> = {
  L: [UPPER, LOWER],
  Lu: [UPPER],
  Ll: [LOWER],
  Latin: [UPPER, LOWER],
  N: [DIGIT],
  Nd: [DIGIT],
}

const CONTROLS: Readonly<Record<string, number>> = {
  a: 0x07,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
}

const LAST_CODE = 0xffff

class Refused extends Error {}

/** @returns undefined for what is no expression, or none that can be matched in linear time */
export function fromRe2Syntax(pattern: string): string | undefined {
  try {
    return new Translation(pattern).all()
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

class Translation {
  readonly #pattern: string
  #at = 0
  #ignoresCase = false
  /** Whether case was ignored outside of the groups that are open. */
  readonly #open: boolean[] = []

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  all(): string {
    let translated = ''
    while (this.#at < this.#pattern.length) translated += this.#next()
    if (this.#open.length > 0) throw new Refused()
    return translated
  }

  #next(): string {
    const char = this.#take()
    if (char === '\\') return this.#escape()
    if (char === '[') return this.#class()
    if (char === '(') return this.#group()
    if (char === ')') {
      const outside = this.#open.pop()
      if (outside === undefined) throw new Refused()
      this.#ignoresCase = outside
      return char
    }
    return /[a-zA-Z]/.test(char) ? this.#literal(char.charCodeAt(0)) : char
  }

  #group(): string {
    this.#open.push(this.#ignoresCase)
    if (!this.#skip('?')) return '('
    if (this.#skipMatch(/P?<[A-Za-z_]\w*>/y) !== undefined) return '('
    const flags = this.#skipMatch(/([imsU]*)(?:-([imsU]*))?([:)])/y)
    if (flags === undefined) throw new Refused()
    const [, on = '', off = '', end] = flags
    if (on.includes('i')) this.#ignoresCase = true
    if (off.includes('i')) this.#ignoresCase = false
    if (end === ':') return '(?:'
    this.#open.pop() // They count until the group around them ends.
    return '(?:)'
  }

  #escape(): string {
    const char = this.#take()
    if (char === 'Q') return this.#quoted()
    if (char === 'A') return '^'
    if (char === 'z') return '$'
    if (char === 'b' || char === 'B') return `\\${char}`
    const ranges = this.#classEscape(char)
    return ranges === undefined ? this.#literal(this.#code(char)) : this.#rangesOf(ranges, false)
  }

  #quoted(): string {
    const end = this.#pattern.indexOf('\\E', this.#at)
    const text = this.#pattern.slice(this.#at, end === -1 ? undefined : end)
    this.#at = end === -1 ? this.#pattern.length : end + 2
    return [...text].map((char) => this.#literal(char.charCodeAt(0))).join('')
  }

  #class(): string {
    const isNegated = this.#skip('^')
    const ranges: Range[] = []
    for (let isFirst = true; isFirst || this.#peek() !== ']'; isFirst = false) {
      const named = this.#skipMatch(/\[:(\^?)(\w+):\]/y)
      if (named !== undefined) {
        const known = NAMED_CLASSES[named[2] ?? '']
        if (known === undefined) throw new Refused()
        ranges.push(...(named[1] === '^' ? complementOf(known) : known))
      } else ranges.push(...this.#classItem())
    }
    this.#take()
    return this.#rangesOf(ranges, isNegated)
  }

  #classItem(): readonly Range[] {
    const first = this.#classChar()
    if (typeof first !== 'number') return first
    if (this.#peek() !== '-' || this.#pattern[this.#at + 1] === ']') return [[first, first]]
    this.#take()
    const last = this.#classChar()
    if (typeof last !== 'number' || last < first) throw new Refused()
    return [[first, last]]
  }

  #classChar(): number | readonly Range[] {
    const char = this.#take()
    if (char !== '\\') return char.charCodeAt(0)
    const escaped = this.#take()
    return this.#classEscape(escaped) ?? this.#code(escaped)
  }

  /** `\d`, `\W`, `\pL`, `\P{Lu}` and their like. */
  #classEscape(char: string): readonly Range[] | undefined {
    const perl = PERL_CLASSES[char.toLowerCase()]
    if (perl !== undefined) return char === char.toLowerCase() ? perl : complementOf(perl)
    if (char !== 'p' && char !== 'P') return undefined
    const name = this.#skipMatch(/\{(\^?)(\w+)\}|()(\w)/y)
    const known = PROPERTIES[name?.[2] ?? name?.[4] ?? '']
    if (known === undefined) throw new Refused()
    const isNegated = (char === 'P') !== (name?.[1] === '^')
    return isNegated ? complementOf(known) : known
  }

  /** Of one escaped character. */
  #code(char: string): number {
    if (char === 'x') {
      const hex = this.#skipMatch(/([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,4})\}/y)
      if (hex === undefined) throw new Refused()
      return Number.parseInt(hex[1] ?? hex[2] ?? '', 16)
    }
    const control = CONTROLS[char]
    if (control !== undefined) return control
    if (/[0-9A-Za-z]/.test(char)) throw new Refused() // A back reference, or nothing that is known.
    return char.charCodeAt(0)
  }

  #literal(code: number): string {
    return this.#ignoresCase && isLetter(code) ? this.#rangesOf([[code, code]], false) : hexOf(code)
  }

  #rangesOf(ranges: readonly Range[], isNegated: boolean): string {
    const all = this.#ignoresCase ? ranges.flatMap(withOtherCase) : ranges
    const inside = all.map(([first, last]) => `${hexOf(first)}-${hexOf(last)}`).join('')
    return `[${isNegated ? '^' : ''}${inside}]`
  }

  #peek(): string | undefined {
    return this.#pattern[this.#at]
  }

  #take(): string {
    const char = this.#pattern[this.#at]
    if (char === undefined) throw new Refused()
    this.#at += 1
    return char
  }

  #skip(char: string): boolean {
    if (this.#peek() !== char) return false
    this.#at += 1
    return true
  }

  /** @param sticky one that looks only where it is told to */
  #skipMatch(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at
    const match = sticky.exec(this.#pattern)
    if (match === null) return undefined
    this.#at = sticky.lastIndex
    return match
  }
}

function isLetter(code: number): boolean {
  return [UPPER, LOWER].some(([first, last]) => code >= first && code <= last)
}

function withOtherCase(range: Range): readonly Range[] {
  const others: Range[] = []
  for (const [[first, last], distance] of [
    [UPPER, 0x20],
    [LOWER, -0x20],
  ] as const) {
    const from = Math.max(range[0], first)
    const to = Math.min(range[1], last)
    if (from <= to) others.push([from + distance, to + distance])
  }
  return [range, ...others]
}

/** @param ranges ascending */
function complementOf(ranges: readonly Range[]): readonly Range[] {
  const rest: Range[] = []
  let next = 0
  for (const [first, last] of [...ranges].sort(([a], [b]) => a - b)) {
    if (first > next) rest.push([next, first - 1])
    next = last + 1
  }
  return [...rest, [next, LAST_CODE]]
}

function hexOf(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`
}
