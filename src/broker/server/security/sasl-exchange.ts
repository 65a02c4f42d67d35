// One login in the making: tokens of the client in, tokens of the server out, until it is known who
// it is. A mechanism implements this; it holds no connection and reads no clock.

export type SaslStep =
  /** One more token is wanted. */
  | { readonly kind: 'continue'; readonly token: Buffer }
  | { readonly kind: 'done'; readonly token: Buffer; readonly user: string }
  /** `why` is for the log alone: a stranger learns only that it failed. */
  | { readonly kind: 'failed'; readonly user: string | undefined; readonly why: string }

export interface SaslExchange {
  step(token: Buffer): Promise<SaslStep>
}

export const WRONG_PASSWORD = 'unknown user or wrong password'

export function failed(why: string, user?: string): SaslStep {
  return { kind: 'failed', user, why }
}
