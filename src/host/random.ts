// The port to randomness, so that a simulated run can be repeated from its seed.

export interface Random {
  bytes(length: number): Buffer
  /** A random (version 4) UUID as 22 base64url characters, never beginning with '-'. */
  uuid(): string
}
