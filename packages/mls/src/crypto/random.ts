import { randomBytes } from '#platform'
import type { Random } from '../hpke/kem.ts'

/** The platform's source of random bytes, to pass where an operation asks for one. */
export const platformRandom: Random = (length) => randomBytes(length)
