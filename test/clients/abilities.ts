// All abilities, in the order of the matrix.
import { accessAbilities } from './abilities/access.ts'
import { administrationAbilities } from './abilities/administration.ts'
import { groupAbilities } from './abilities/groups.ts'
import { loginAbilities } from './abilities/login.ts'
import { recordAbilities } from './abilities/records.ts'
import { storeAbilities } from './abilities/stores.ts'
import { transactionAbilities } from './abilities/transactions.ts'
import type { Ability } from './ability.ts'
import type { TargetName } from './target.ts'

export const abilities: readonly Ability[] = [
  ...recordAbilities,
  ...groupAbilities,
  ...transactionAbilities,
  ...administrationAbilities,
  ...storeAbilities,
  ...accessAbilities,
  ...loginAbilities,
]

/** Those that the broker is meant to have. */
export function abilitiesOn(target: TargetName): readonly Ability[] {
  return abilities.filter(({ onlyOn }) => onlyOn === undefined || onlyOn === target)
}
