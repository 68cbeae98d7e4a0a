import { cipherSuites } from '../crypto/suites.ts'
import type { GroupConfig } from './config.ts'
import { configFor } from './config.ts'

/** The usual settings for all suites that are built in; `configFor` keeps those out of a bundle that are not wanted. */
export const defaultConfig: GroupConfig = configFor(cipherSuites)
