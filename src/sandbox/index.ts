/** A fake Iterable that stands beside the product and imports nothing of it. */
export { dataTypes } from './data/catalog.ts'
export type * from './options.ts'
export { faultProfiles } from './options.ts'
export { startSandbox } from './server.ts'
