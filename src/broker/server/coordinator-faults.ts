// Mistakes that can be planted in the coordinators, as in `log/faults.ts`: only tests set any of these,
// and each is read in one place.

export interface CoordinatorFaults {
  /** Answers the end of a transaction before its record is durable. */
  readonly endAnsweredEarly?: boolean
  /** Only the first partition of a transaction gets its marker. */
  readonly markersToFirstOnly?: boolean
  /** Aborted transactions get no markers. */
  readonly abortMarkersDropped?: boolean
  /** Aborted transactions get the markers of committed ones. */
  readonly abortsCommit?: boolean
  /** EndTxn v5 leaves the producer in its epoch (what KIP-890 is there to prevent). */
  readonly endKeepsEpoch?: boolean
  /** Takes every producer for the one that holds the transactional id. */
  readonly producerEpochsIgnored?: boolean
  /** Whoever takes a transactional id over goes on with what its predecessor left open. */
  readonly takeoverKeepsOpen?: boolean
  /** Ends that were decided before the start are not gone through with. */
  readonly endsForgottenAtStart?: boolean
  /** Transactions never time out. */
  readonly timeoutsIgnored?: boolean
  /** Offsets of a transaction count whatever becomes of it. */
  readonly abortedOffsetsCount?: boolean
  /** Offsets of a transaction count as soon as they are written. */
  readonly stagedOffsetsCount?: boolean
  /** Answers a commit of offsets before it is durable. */
  readonly commitAnsweredEarly?: boolean
  /** Offsets are not read back at start. */
  readonly offsetsForgottenAtStart?: boolean
  /** Takes commits of any member of any generation. */
  readonly generationsIgnored?: boolean
  /** Takes offsets of a transaction from any member of any generation. */
  readonly stagingMembersIgnored?: boolean
  /** Takes what a member of the new protocol is to give up for given up. */
  readonly releasesAssumed?: boolean
  /** Takes commits of members of the new protocol whatever their epoch is. */
  readonly memberEpochsIgnored?: boolean
  /** Answers a heartbeat of the new protocol before what it says is durable. */
  readonly heartbeatAnsweredEarly?: boolean
  /** Takes commits of whoever had the instance id before for those of whoever has it now. */
  readonly fencedInstancesObeyed?: boolean
  /** What a static member leaves for a while is given to others at once, and to it as well when it is back. */
  readonly leavesForgotten?: boolean
  /** A member that goes on is heard as if it wanted what it wanted when it joined. */
  readonly changedSubscriptionsIgnored?: boolean
  /** An expression is held against the topics once, when somebody asks for it first. */
  readonly regexesResolvedOnce?: boolean
}
