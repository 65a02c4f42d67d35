// What is known of one configuration key: its type and default, what is allowed, whether it acts,
// and when it can be altered. The tables of keys are in *-config-keys.ts, their union in
// config-keys.ts.

import type { ConfigCheck, ConfigType } from './config-value.ts'

/**
 * `acts`: some code reads it. `none`: taken and listed, changes nothing. `refused`: nobody may set it
 * to anything but its default, because taking it in silence would promise what does not exist.
 */
export type ConfigEffect = 'acts' | 'none' | 'refused'

export interface ConfigKey {
  readonly name: string
  readonly type: ConfigType
  /** null when the key has no value until somebody sets it. */
  readonly defaultText: string | null
  readonly check?: ConfigCheck
  readonly effect: ConfigEffect
  /** What it does; for a key that does not act, why. */
  readonly about: string
  /** Of a broker key: whether a running broker takes a new value. */
  readonly altersAtRunTime: boolean
  /** Broker keys that give the default of a topic key, the first that is set wins. */
  readonly fallbacks: readonly Fallback[]
  readonly differs?: ConfigDifference
  /** Kafka does not list it, and neither do we; it can be set all the same. */
  readonly isInternal?: boolean
}

/** A key of the broker that acts, as its table says it. */
export interface ActingRow {
  readonly type: ConfigKey['type']
  readonly default: string | null
  readonly check?: ConfigCheck
  readonly about: string
  readonly altersAtRunTime?: true
  readonly differs?: ConfigDifference
}

/** Where our default is not Kafka's: Kafka's, and why. */
export interface ConfigDifference {
  readonly kafkaDefault: string | null
  readonly why: string
}

/** Kafka's default for numbers of things that may grow as they like. */
export const UNBOUNDED = '2147483647'
export const BOUNDED_HERE: ConfigDifference = {
  kafkaDefault: UNBOUNDED,
  why: 'whatever clients can grow has a bound that one machine can bear.',
}

export interface Fallback {
  readonly name: string
  /** What one unit of the broker key is in units of the topic key (an hour in milliseconds). */
  readonly factor: number
}

/** Keys that do not act, with their common reason. */
export interface InertGroup {
  readonly why: string
  readonly rows: readonly (readonly [name: string, type: ConfigType, defaultText: string | null])[]
}
