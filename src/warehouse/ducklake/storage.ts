/** Where the files of a lake are: a folder, or the storage of a cloud, and with what rights. */
import { storageKindOf } from '../../storages.ts'
import { literal } from '../sql.ts'

/** `warehouse.storage` of a configuration. */
export interface Storage {
  readonly key_id?: string | undefined
  readonly secret?: string | undefined
  readonly session_token?: string | undefined
  readonly region?: string | undefined
  readonly account_id?: string | undefined
  readonly endpoint?: string | undefined
  readonly url_style?: 'path' | 'vhost' | undefined
  readonly use_ssl?: boolean | undefined
  readonly connection_string?: string | undefined
  readonly account_name?: string | undefined
}

/** What DuckDB needs to reach files. */
export interface StorageAccess {
  /** Extensions beside those of the lake itself. */
  readonly extensions: readonly string[]
  /** Makes the secret, in memory; undefined for a folder. */
  readonly secret: string | undefined
  /** What to do where the key is refused, in words; undefined for a folder. */
  readonly cure: string | undefined
}

/** With no key of its own, what the machine has is used: its role, its environment, its files. */
export function storageAccess(path: string, storage: Storage = {}): StorageAccess {
  const kind = storageKindOf(path)
  if (!kind) return { extensions: [], secret: undefined, cure: undefined }
  const hasKey = storage.key_id !== undefined || storage.connection_string !== undefined
  const isChain = !hasKey && (kind === 's3' || kind === 'azure')
  const settings = Object.entries({
    key_id: storage.key_id,
    secret: storage.secret,
    session_token: storage.session_token,
    region: storage.region,
    account_id: storage.account_id,
    endpoint: storage.endpoint,
    url_style: storage.url_style,
    use_ssl: storage.use_ssl,
    connection_string: storage.connection_string,
    account_name: storage.account_name,
  }).flatMap(([name, value]) => {
    if (value === undefined) return []
    return [`, ${name} ${typeof value === 'string' ? literal(value) : value}`]
  })
  const key = kind === 'azure' ? 'connection_string' : 'key_id and secret'
  const http = kind === 'azure' ? 'azure' : 'httpfs'
  const isRole = kind === 's3' && isChain
  // The key of a role ends after some hours: a storage that refuses it is asked again with the next one.
  const provider = isChain ? `, provider credential_chain${isRole ? ', refresh auto' : ''}` : ''
  return {
    extensions: isRole ? [http, 'aws'] : [http],
    secret: `create or replace temporary secret storage (type ${kind}${provider}${settings.join('')}, scope ${literal(path)})`,
    cure: isChain
      ? `give this machine a key with the right to read, write, list and delete (environment, files, role), or set "warehouse.storage" (${key})`
      : `check "warehouse.storage" (${key}), and that the key may read, write, list and delete`,
  }
}
