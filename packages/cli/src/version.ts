/** Of the package; a test compares them. */
export const cliVersion = '0.1.0'
