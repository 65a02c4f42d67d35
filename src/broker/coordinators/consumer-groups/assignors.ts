// The assignors by the names that members ask for.

import { assignRange } from './assign-range.ts'
import { assignUniform } from './assign-uniform.ts'
import type { Assignment, AssignmentTask } from './assignment.ts'

export const ASSIGNORS: Readonly<Record<string, (task: AssignmentTask) => Assignment>> = {
  uniform: assignUniform,
  range: assignRange,
}
