/** Where the files of a lake are: a folder, or the storage of a cloud, and with what rights. */
import { literal } from '../sql.ts'

/** `warehouse.storage` of a configuration. */
export interface Storage {
  readonly key_id?: string | undefined
  readonly secret?: string | undefined
  readonly session_token?: string | undefined
  readonly region?: string | undefined
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
}

/** The kinds of storage by how an address begins. */
const kinds: readonly { readonly begins: RegExp; readonly type: 's3' | 'gcs' | 'r2' | 'azure' }[] = [
  { begins: /^s3[an]?:\/\//, type: 's3' },
  { begins: /^(gs|gcs):\/\//, type: 'gcs' },
  { begins: /^r2:\/\//, type: 'r2' },
  { begins: /^(az|azure|abfss):\/\//, type: 'azure' },
]

/** With no key of its own, what the machine has is used: its role, its environment, its files. */
export function storageAccess(path: string, storage: Storage = {}): StorageAccess {
  const kind = kinds.find(({ begins }) => begins.test(path))
  if (!kind) return { extensions: [], secret: undefined }
  const { type } = kind
  const hasKey = storage.key_id !== undefined || storage.connection_string !== undefined
  const isChain = !hasKey && (type === 's3' || type === 'azure')
  const settings = Object.entries({
    key_id: storage.key_id,
    secret: storage.secret,
    session_token: storage.session_token,
    region: storage.region,
    endpoint: storage.endpoint,
    url_style: storage.url_style,
    use_ssl: storage.use_ssl,
    connection_string: storage.connection_string,
    account_name: storage.account_name,
  }).flatMap(([name, value]) => {
    if (value === undefined) return []
    return [`, ${name} ${typeof value === 'string' ? literal(value) : value}`]
  })
  const provider = isChain ? ', provider credential_chain' : ''
  const http = type === 'azure' ? 'azure' : 'httpfs'
  return {
    extensions: type === 's3' && isChain ? [http, 'aws'] : [http],
    secret: `create or replace temporary secret storage (type ${type}${provider}${settings.join('')}, scope ${literal(path)})`,
  }
}
