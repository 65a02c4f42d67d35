// What a handler asks before it does anything: may whoever is at the other end do this to that?
// Without an authorizer the answer is always yes, and costs a call.

import { CLUSTER_NAME } from '../../catalog/acl.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { supportedOperations } from './supported-operations.ts'

export interface Access {
  /** A refusal is noted in the log. */
  may(operation: AclOperation, resourceType: AclResource, resourceName: string): boolean
  /** The same, where a no is no refusal: lists leave out what is hidden. */
  mayQuietly(operation: AclOperation, resourceType: AclResource, resourceName: string): boolean
  /** `may` for the cluster itself. */
  mayOnCluster(operation: AclOperation): boolean
  /** Is there any resource of this type to which it may be done? */
  maySomewhere(operation: AclOperation, resourceType: AclResource): boolean
  /** What may be done of all that the type of resource has: bit n stands for operation n (KIP-430). */
  operationsOn(resourceType: AclResource, resourceName: string): number
}

/** There is no authorizer. */
export const UNRESTRICTED: Access = {
  may: () => true,
  mayQuietly: () => true,
  mayOnCluster: () => true,
  maySomewhere: () => true,
  operationsOn: (resourceType) => supportedOperations(resourceType),
}

/** Of the cluster, for an answer that shows them: nothing to whom it is hidden. */
export function clusterOperations(access: Access): number {
  if (!access.mayOnCluster(AclOperation.DESCRIBE)) return 0
  return access.operationsOn(AclResource.CLUSTER, CLUSTER_NAME)
}
