// The settings of a running broker: what it was started with, and above that what admins altered.
// Order: altered for this broker, altered for every broker, set at start, default. Topics without a
// setting of their own look here. Source: KIP-226.

import { actingBrokerConfigKeys, type BrokerConfig, configFieldName } from './broker-config-keys.ts'
import type { ConfigKey } from './config-key.ts'
import { brokerConfigKeys } from './config-keys.ts'
import { type ConfigValue, parseConfigText } from './config-value.ts'
import { listenerKey, splitListenerKey } from './listener-keys.ts'
import type { StaticSettings } from './static-settings.ts'

export type ConfigSource =
  | 'topic'
  | 'group'
  | 'client-metrics'
  | 'dynamic-broker'
  | 'dynamic-default-broker'
  | 'static-broker'
  | 'default'

/** One place where a value comes from; a list of them is in the order of who wins. */
export interface ConfigLayer {
  readonly name: string
  readonly text: string
  readonly source: ConfigSource
}

export type ConfigTexts = Readonly<Record<string, string>>

const NOTHING: ConfigTexts = {}

export class BrokerSettings {
  readonly #static: StaticSettings
  #forThisBroker: ConfigTexts = NOTHING
  #forEveryBroker: ConfigTexts = NOTHING
  readonly #config: Record<string, ConfigValue | undefined> = {}
  /** Always the same object; its fields follow what admins alter. */
  readonly config: BrokerConfig

  constructor(settings: StaticSettings) {
    this.#static = settings
    this.#refresh()
    this.config = this.#config as unknown as BrokerConfig // field by field from the same table
  }

  setAltered(altered: { forThisBroker?: ConfigTexts; forEveryBroker?: ConfigTexts }): void {
    this.#forThisBroker = altered.forThisBroker ?? NOTHING
    this.#forEveryBroker = altered.forEveryBroker ?? NOTHING
    this.#refresh()
  }

  /** What the settings would be if this was altered. */
  withAltered(altered: { forThisBroker?: ConfigTexts; forEveryBroker?: ConfigTexts }) {
    const settings = new BrokerSettings(this.#static)
    settings.setAltered({
      forThisBroker: altered.forThisBroker ?? this.#forThisBroker,
      forEveryBroker: altered.forEveryBroker ?? this.#forEveryBroker,
    })
    return settings
  }

  /** Where a broker key has values, who wins first. */
  layers(name: string): ConfigLayer[] {
    const layers: ConfigLayer[] = []
    const add = (text: string | null | undefined, source: ConfigSource) => {
      if (text !== undefined && text !== null) layers.push({ name, text, source })
    }
    add(this.#forThisBroker[name], 'dynamic-broker')
    add(this.#forEveryBroker[name], 'dynamic-default-broker')
    add(this.#static.get(name)?.text, 'static-broker')
    add(brokerConfigKeys.get(name)?.defaultText, 'default')
    return layers
  }

  /** The text that counts for one listener: its own, for one mechanism first, then everybody's. */
  listenerText(listener: string, key: string, mechanism?: string): string | undefined {
    const names = [listenerKey(listener, key), key]
    if (mechanism !== undefined) names.unshift(listenerKey(listener, key, mechanism))
    for (const name of names) {
      const [layer] = this.layers(name)
      if (layer !== undefined) return layer.text
    }
    return undefined
  }

  /** Keys for single listeners that somebody has set. */
  listenerKeys(): string[] {
    const names = new Set([
      ...Object.keys(this.#forThisBroker),
      ...Object.keys(this.#forEveryBroker),
      ...this.#static.keys(),
    ])
    return [...names].filter((name) => splitListenerKey(name) !== undefined).sort()
  }

  /** Where a topic or group key has values: its own, then those of the broker keys behind it. */
  layersBelow(key: ConfigKey, own: ConfigTexts, source: ConfigSource): ConfigLayer[] {
    const layers: ConfigLayer[] = []
    const text = own[key.name]
    if (text !== undefined) layers.push({ name: key.name, text, source })
    // A default wins only when no key in the chain was set: log.retention.hours set by hand counts
    // for more than a default of log.retention.ms would.
    const chain = key.fallbacks.flatMap(({ name }) => this.layers(name))
    layers.push(...chain.filter((layer) => layer.source !== 'default'))
    layers.push(...chain.filter((layer) => layer.source === 'default'))
    if (source === 'group' && key.fallbacks.length === 0 && key.defaultText !== null) {
      layers.push({ name: key.name, text: key.defaultText, source: 'default' })
    }
    return layers
  }

  /** The text that counts for a topic or group key, in the key's own unit; null when nothing is set. */
  effectiveText(key: ConfigKey, own: ConfigTexts, source: ConfigSource): string | null {
    const winner = this.layersBelow(key, own, source)[0]
    if (winner === undefined) return key.defaultText
    if (winner.source === source) return winner.text
    const factor = key.fallbacks.find(({ name }) => name === winner.name)?.factor ?? 1
    if (factor === 1) return winner.text
    const units = Number(winner.text)
    return String(units < 0 ? units : units * factor)
  }

  #refresh(): void {
    for (const key of actingBrokerConfigKeys) {
      const text = this.layers(key.name)[0]?.text
      const value = text === undefined ? undefined : parseConfigText(key.type, text)
      this.#config[configFieldName(key.name)] = value
    }
  }
}
