/** What only Node can do: keys in files. */
export { fileKeyStore, readSecretFile, writeSecretFile } from './store/file-key-store.ts'
