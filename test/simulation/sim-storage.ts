// The medium of the simulated disk: a tree of folders and files that outlives the power cut. A
// folder's names, like a file's bytes, are what programs see, what has reached the medium, and the
// changes between; a cut keeps some first part of a folder's changes, each folder on its own.

import type { SeededRandom } from './seeded-random.ts'
import type { SimContent } from './sim-content.ts'

export type SimNode = SimFolder | SimContent

/** One step that happens as a whole: a creation, a removal, or both at once (a rename). */
interface NameChange {
  readonly id: number
  readonly names: readonly (readonly [name: string, node: SimNode | undefined])[]
}

export class SimFolder {
  readonly kind = 'folder'
  readonly children = new Map<string, SimNode>()
  #durable = new Map<string, SimNode>()
  #pending: NameChange[] = []
  #nextId = 1

  get lastChange(): number {
    return this.#nextId - 1
  }

  set(...names: NameChange['names']): void {
    apply(this.children, names)
    this.#pending.push({ id: this.#nextId++, names })
  }

  syncUpTo(change: number): void {
    for (const { id, names } of this.#pending) if (id <= change) apply(this.#durable, names)
    this.#pending = this.#pending.filter(({ id }) => id > change)
  }

  /** @returns how many changes were lost */
  crash(random: SeededRandom): number {
    const kept = random.below(this.#pending.length + 1)
    for (const { names } of this.#pending.slice(0, kept)) apply(this.#durable, names)
    const lost = this.#pending.length - kept
    this.#pending = []
    this.children.clear()
    for (const [name, node] of this.#durable) this.children.set(name, node)
    return lost
  }
}

/** How often each kind of loss happened, over all cuts. */
export interface StorageCounters {
  writesLost: number
  writesTorn: number
  writesReordered: number
  namesLost: number
}

export class SimStorage {
  readonly root = new SimFolder()
  readonly counters: StorageCounters = {
    writesLost: 0,
    writesTorn: 0,
    writesReordered: 0,
    namesLost: 0,
  }
  /** Of all files together; undefined: there is always space. */
  capacityBytes: number | undefined

  find(path: string): SimNode | undefined {
    let node: SimNode = this.root
    for (const name of segmentsOf(path)) {
      if (node.kind === 'file') return undefined
      const next = node.children.get(name)
      if (next === undefined) return undefined
      node = next
    }
    return node
  }

  /** The folder that a path's last name is or would be in; undefined when it is missing. */
  parentOf(path: string): { folder: SimFolder; name: string } | undefined {
    const segments = segmentsOf(path)
    const name = segments.at(-1)
    const folder = this.find(segments.slice(0, -1).join('/'))
    return folder?.kind === 'folder' && name !== undefined ? { folder, name } : undefined
  }

  get usedBytes(): number {
    return usedBytes(this.root)
  }

  /** The power goes: from here on there is only what the medium has. */
  crash(random: SeededRandom): void {
    crash(this.root, random, this.counters)
  }
}

export function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '' && segment !== '.')
}

function crash(folder: SimFolder, random: SeededRandom, counters: StorageCounters): void {
  counters.namesLost += folder.crash(random)
  for (const node of folder.children.values()) {
    if (node.kind === 'folder') {
      crash(node, random, counters)
      continue
    }
    const { lost, torn, reordered } = node.crash(random)
    counters.writesLost += lost
    counters.writesTorn += torn
    counters.writesReordered += reordered
  }
}

function apply(children: Map<string, SimNode>, names: NameChange['names']): void {
  for (const [name, node] of names) {
    if (node === undefined) children.delete(name)
    else children.set(name, node)
  }
}

function usedBytes(folder: SimFolder): number {
  let bytes = 0
  for (const node of folder.children.values()) {
    bytes += node.kind === 'folder' ? usedBytes(node) : node.size
  }
  return bytes
}
