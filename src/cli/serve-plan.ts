// What a broker is started with: flags, then MILLRACE_* variables, then a file, then defaults.

import { BrokerSettings } from '../broker/catalog/broker-settings.ts'
import { brokerConfigKey } from '../broker/catalog/config-keys.ts'
import { type ListenerPlan, planListeners } from '../broker/catalog/listeners.ts'
import {
  ConfigError,
  resolveSettings,
  type SettingSources,
  type StaticSettings,
} from '../broker/catalog/static-settings.ts'
import type { Address } from './client/address.ts'
import { usageError } from './exit-code.ts'
import { parseKeyValues } from './key-values.ts'
import type { ServeOptions } from './serve-options.ts'
import type { Terminal } from './terminal.ts'
import { readTextFile } from './text-file.ts'

export interface ServePlan {
  readonly settings: StaticSettings
  /** As it was written. */
  readonly folder: string
  /** Of the first listener. */
  readonly listen: Address
  readonly listeners: readonly ListenerPlan[]
  /** What is acknowledged is on the disk. */
  readonly isSynced: boolean
  /** Somebody has chosen the address: no other one will do. */
  readonly hasChosenAddress: boolean
}

/** @throws CliError (usage) for settings that can't be */
export async function planServe(terminal: Terminal, options: ServeOptions): Promise<ServePlan> {
  const file = await readConfigFile(options.config ?? terminal.env['MILLRACE_CONFIG'])
  try {
    const settings = resolveSettings({
      flags: flagsOf(options),
      environment: terminal.env,
      ...(file !== undefined && { file }),
    })
    const { config } = new BrokerSettings(settings)
    const listeners = planListeners(config)
    return {
      settings,
      folder: onlyFolder(config.logDirs ?? config.logDir),
      listen: listeners[0]!.bind,
      listeners,
      isSynced: !config.millraceUnsafeSkipSync,
      hasChosenAddress: settings.has('listeners'),
    }
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.message)
    throw error
  }
}

function onlyFolder([folder, ...others]: readonly string[]): string {
  if (folder !== undefined && others.length === 0) return folder
  throw usageError('log.dirs names several folders: Millrace keeps its data in exactly one.')
}

/** The same plan on another port. */
export function movedTo(plan: ServePlan, port: number): ServePlan {
  const listen = { host: plan.listen.host, port }
  const text = `PLAINTEXT://${listen.host}:${port}`
  const settings = new Map([
    ...plan.settings,
    ['listeners', { text, origin: 'the next free port' }],
  ])
  return { ...plan, settings, listen, listeners: [{ ...plan.listeners[0]!, bind: listen }] }
}

function flagsOf(options: ServeOptions): NonNullable<SettingSources['flags']> {
  const flags: { flag: string; key: string; text: string }[] = []
  const add = (flag: string, key: string, text: string | undefined): void => {
    if (text !== undefined) flags.push({ flag, key, text })
  }
  // What has a flag of its own comes later, and so wins over the same key given with -c.
  for (const [key, text] of Object.entries(parseKeyValues(options.set ?? []))) {
    if (brokerConfigKey(key)?.type === 'password') {
      throw usageError(
        `-c: ${key} is a secret, and a command line can be read by every user of this machine: put it in the file of --config.`,
      )
    }
    add('-c', key, text)
  }
  add('--data', 'log.dirs', options.data)
  add('--listen', 'listeners', options.listen)
  add('--advertise', 'advertised.listeners', options.advertise)
  if (options.acceptAnyReplicationFactor === true) {
    add('--accept-any-replication-factor', 'millrace.accept.any.replication.factor', 'true')
  }
  return flags
}

async function readConfigFile(
  path: string | undefined,
): Promise<{ path: string; text: string } | undefined> {
  if (path === undefined || path === '') return undefined
  return { path, text: await readTextFile(path) }
}
