// The slow step of a login by PLAIN, one at a time: the threads that it runs in are those that write
// and sync files, and a flood of wrong passwords must not hold up a disk. Addresses take turns, so
// that who tries many passwords waits behind himself.

import type { ScramMechanism } from '../../catalog/credential-record.ts'
import { saltPassword } from './scram-keys.ts'

interface Check {
  readonly run: () => Promise<void>
}

export class PasswordChecks {
  readonly #maxWaiting: number
  /** By address, in the order of their turns. */
  readonly #waiting = new Map<string, Check[]>()
  #waitingCount = 0
  #isRunning = false

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
  }

  /** undefined: too many wait already. */
  saltPassword(
    address: string,
    mechanism: ScramMechanism,
    password: string,
    how: { readonly salt: Buffer; readonly iterations: number },
  ): Promise<Buffer | undefined> {
    if (this.#waitingCount >= this.#maxWaiting) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      const run = () => saltPassword(mechanism, password, how).then(resolve, reject)
      const ofAddress = this.#waiting.get(address) ?? []
      ofAddress.push({ run })
      this.#waiting.set(address, ofAddress)
      this.#waitingCount += 1
      this.#next()
    })
  }

  #next(): void {
    if (this.#isRunning) return
    for (const [address, [check, ...rest]] of this.#waiting) {
      this.#waiting.delete(address)
      if (rest.length > 0) this.#waiting.set(address, rest) // at the end
      this.#waitingCount -= 1
      this.#isRunning = true
      void check!.run().finally(() => {
        this.#isRunning = false
        this.#next()
      })
      return
    }
  }
}
