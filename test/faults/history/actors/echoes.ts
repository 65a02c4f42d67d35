// Late duplicates: a network may deliver an old request once more, long after it was answered and
// whatever its sender has done since. The last few requests of producers that were answered are kept,
// and one of them is sent again, as it was, over a connection of its own; nobody listens to the answer.
// One that never arrived, or was refused for a moment only, would come early, not late: a partition takes
// a new producer at any sequence, and a known one at its next.
// Only what the protocol protects is kept: plain commits of offsets and transactions before v2 are not
// (KIP-890 says so of the latter), so a late one of those proves nothing.
// Source: the report of Jepsen on Bufstream 0.1.0.

import type { Api } from '../../../../src/broker/protocol/api.ts'
import type { Fields, InferInput } from '../../../../src/broker/wire/field.ts'
import type { Connection } from '../../../../src/cli/client/connection.ts'
import type { SeededRandom } from '../../../simulation/seeded-random.ts'

const KEPT = 100

type Echo = (connection: Connection) => Promise<unknown>

export class Echoes {
  #kept: Echo[] = []

  keep<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    body: InferInput<Req>,
    maxVersion: number | undefined,
  ): void {
    const options = maxVersion === undefined ? {} : { maxVersion }
    this.#kept.push((connection) => connection.request(api, body, options))
    if (this.#kept.length > KEPT) this.#kept.shift()
  }

  pick(random: SeededRandom): Echo | undefined {
    return this.#kept.length === 0 ? undefined : random.pick(this.#kept)
  }
}
