// As whom a member speaks to the coordinator: what fences a commit of one that was taken for dead.

export interface GroupIdentity {
  readonly group: string
  readonly memberId: string
  /** Of the classic protocol the generation, of the new one the member's epoch (KIP-848). */
  readonly generation: number
}
