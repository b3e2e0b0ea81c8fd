/** The storages of clouds that the files of a lake can be in, by how an address of each begins. */
export type StorageKind = 's3' | 'gcs' | 'r2' | 'azure'

const kinds: readonly { readonly begins: RegExp; readonly kind: StorageKind }[] = [
  { begins: /^s3[an]?:\/\//, kind: 's3' },
  { begins: /^(gs|gcs):\/\//, kind: 'gcs' },
  { begins: /^r2:\/\//, kind: 'r2' },
  { begins: /^(az|azure|abfss):\/\//, kind: 'azure' },
]

/** Undefined for a folder. */
export const storageKindOf = (address: string): StorageKind | undefined =>
  kinds.find(({ begins }) => begins.test(address))?.kind
