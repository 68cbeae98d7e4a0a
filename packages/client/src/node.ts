/** What only Node can do: keys in files. */
export { exists, fileKeyStore, readSecretFile, writeSecretFile } from './store/file-key-store.ts'
