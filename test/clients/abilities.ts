// All abilities, in the order of the matrix.
import { accessAbilities } from './abilities/access.ts'
import { administrationAbilities } from './abilities/administration.ts'
import { groupAbilities } from './abilities/groups.ts'
import { loginAbilities } from './abilities/login.ts'
import { recordAbilities } from './abilities/records.ts'
import { transactionAbilities } from './abilities/transactions.ts'
import type { Ability } from './ability.ts'

export const abilities: readonly Ability[] = [
  ...recordAbilities,
  ...groupAbilities,
  ...transactionAbilities,
  ...administrationAbilities,
  ...accessAbilities,
  ...loginAbilities,
]
