// The one error of the SDK. Code asks for `code`, never for the text; `retriable` says whether the
// same call may succeed later without anybody changing anything.

export abstract class MillraceError extends Error {
  /** Stable, and unique among all errors of the SDK: `publish-refused`, `stream-conflict`. */
  abstract readonly code: string
  abstract readonly retriable: boolean

  override get name(): string {
    return this.constructor.name
  }
}
