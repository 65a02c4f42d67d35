// The settings that a broker is started with: flag, then environment, then file, then default.
// Invariant: what comes out is known, valid and does not promise what does not exist; everything
// else ends the start with one plain sentence that says where the setting stands.

import { brokerConfigKey, brokerConfigKeys, nearestKey } from './config-keys.ts'
import { readConfig } from './config-value.ts'
import { parseProperties } from './properties-file.ts'

export interface Setting {
  readonly text: string
  /** Where it was set, as a sentence would say it: `--listen`, `MILLRACE_LISTEN`, `a.properties line 3`. */
  readonly origin: string
}

/** By key; only what somebody set. */
export type StaticSettings = ReadonlyMap<string, Setting>

export interface SettingSources {
  /** By flag as it was typed (`--listen`). */
  readonly flags?: readonly { readonly flag: string; readonly key: string; readonly text: string }[]
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly file?: { readonly path: string; readonly text: string }
}

/** The start ends here; the message is one line for the user. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const PREFIX = 'MILLRACE_'
const OWN_KEY_PREFIX = 'millrace.'

/** Short names of settings that everybody needs, and variables that are not settings of the broker. */
const shortVariables: Readonly<Record<string, string | undefined>> = {
  MILLRACE_DATA: 'log.dirs',
  MILLRACE_LISTEN: 'listeners',
  MILLRACE_ADVERTISE: 'advertised.listeners',
}
const otherVariables: readonly string[] = [
  'MILLRACE_CONFIG',
  'MILLRACE_BROKER',
  'MILLRACE_COMMAND_CONFIG',
]

/** `MILLRACE_LOG_RETENTION_MS` for `log.retention.ms`; the own prefix is not said twice. */
export function variableFor(key: string): string {
  const name = key.startsWith(OWN_KEY_PREFIX) ? key.slice(OWN_KEY_PREFIX.length) : key
  return PREFIX + name.replaceAll('.', '_').toUpperCase()
}

/** @throws ConfigError */
export function resolveSettings(sources: SettingSources): StaticSettings {
  const settings = new Map<string, Setting>()
  if (sources.file !== undefined) addFile(settings, sources.file)
  addEnvironment(settings, sources.environment ?? {})
  for (const { flag, key, text } of sources.flags ?? []) {
    settings.set(key, { text: isAddress(key) ? asListener(text) : text, origin: flag })
  }
  for (const [key, setting] of settings) checkSetting(key, setting)
  return settings
}

/** What was set and changes nothing, as sentences for the log. */
export function settingsWithoutEffect(settings: StaticSettings): string[] {
  const sentences: string[] = []
  for (const [name, { text, origin }] of settings) {
    const key = brokerConfigKey(name)
    if (key?.effect !== 'none' || text === key.defaultText) continue
    sentences.push(`${origin}: ${name} has no effect: ${key.about}`)
  }
  return sentences
}

function addFile(settings: Map<string, Setting>, file: { path: string; text: string }): void {
  for (const { key, value, line } of parseProperties(file.text)) {
    const origin = `${file.path} line ${line}`
    if (brokerConfigKey(key) === undefined) throw unknown(origin, key, brokerConfigKeys.keys())
    settings.set(key, { text: value, origin })
  }
}

function addEnvironment(
  settings: Map<string, Setting>,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const keys = new Map([...brokerConfigKeys.keys()].map((key) => [variableFor(key), key]))
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !variable.startsWith(PREFIX)) continue
    if (otherVariables.includes(variable)) continue
    const short = shortVariables[variable]
    const key = short ?? keys.get(variable)
    if (key === undefined) {
      throw unknown('environment', variable, [...keys.keys(), ...Object.keys(shortVariables)])
    }
    const isShortAddress = short !== undefined && isAddress(key)
    settings.set(key, { text: isShortAddress ? asListener(text) : text, origin: variable })
  }
}

/** `--listen` and `--advertise` take HOST:PORT, the keys behind them a listener. */
function isAddress(key: string): boolean {
  return key === 'listeners' || key === 'advertised.listeners'
}

function asListener(text: string): string {
  return text.includes('://') ? text : `PLAINTEXT://${text}`
}

function checkSetting(name: string, { text, origin }: Setting): void {
  const key = brokerConfigKey(name)
  if (key === undefined) throw unknown(origin, name, brokerConfigKeys.keys())
  const read = readConfig(key, text)
  if (read.kind === 'invalid') throw new ConfigError(`${origin}: ${read.message}`)
  if (key.effect === 'refused' && text !== (key.defaultText ?? '')) {
    throw new ConfigError(`${origin}: ${name} is refused. ${key.about}`)
  }
}

function unknown(origin: string, name: string, known: Iterable<string>): ConfigError {
  // Candidates are compared in lower case; names of variables are all upper case.
  const candidates = new Map([...known].map((candidate) => [candidate.toLowerCase(), candidate]))
  const nearest = candidates.get(nearestKey(name, candidates.keys()) ?? '')
  const hint = nearest === undefined ? '' : ` Did you mean '${nearest}'?`
  return new ConfigError(`${origin}: there is no setting '${name}'.${hint}`)
}
