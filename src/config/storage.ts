/** `warehouse.storage` of the configuration: what each kind of storage takes, and what it cannot do without. */
import * as z from 'zod'
import { type StorageKind, storageKindOf } from '../storages.ts'

export const storageSchema = z.strictObject({
  key_id: z.string().min(1).optional().describe('S3, R2, GCS (HMAC): the id of the key.'),
  secret: z.string().min(1).optional().describe('S3, R2, GCS (HMAC): the key.'),
  session_token: z.string().min(1).optional().describe('S3, R2: the token of a key that ends.'),
  region: z.string().min(1).optional().describe('S3: the region of the bucket.'),
  account_id: z.string().min(1).optional().describe('R2: the account, unless `endpoint` names its host.'),
  endpoint: z
    .string()
    .regex(
      /^[^/@\s]+$/,
      'expected a host, with its port where that is not the usual one, e.g. minio.local:9000',
    )
    .optional()
    .describe('S3-compatible storage: its host, with the port.'),
  url_style: z
    .enum(['path', 'vhost'])
    .optional()
    .describe('S3-compatible storage: whether the bucket stands in the path or in the name of the host.'),
  use_ssl: z.boolean().optional().describe('False: over HTTP, for a storage beside this machine.'),
  account_name: z
    .string()
    .min(1)
    .optional()
    .describe('Azure: the storage account, reached with the identity of the machine.'),
  connection_string: z.string().min(1).optional().describe('Azure: how to reach it, key included.'),
})

type Storage = z.infer<typeof storageSchema>
type Setting = keyof Storage

const ofKeys: readonly Setting[] = ['key_id', 'secret', 'region', 'endpoint', 'url_style', 'use_ssl']
const taken: Readonly<Record<StorageKind, readonly Setting[]>> = {
  s3: [...ofKeys, 'session_token'],
  gcs: ofKeys,
  r2: [...ofKeys, 'session_token', 'account_id'],
  azure: ['connection_string', 'account_name'],
}

interface StoragePlace {
  readonly data_path: string
  readonly storage: Storage
}

/** What is wrong with the storage of a lake, for what its address says it is. */
export function judgeStorage({ data_path, storage }: StoragePlace, context: z.RefinementCtx): void {
  const fault = (path: readonly string[], message: string) =>
    context.addIssue({ code: 'custom', path: [...path], message })
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(data_path) ?? []
  const kind = storageKindOf(data_path)
  if (scheme && !kind) {
    fault(['data_path'], 'expected a folder, or an address that begins with s3://, gs://, r2:// or az://')
    return
  }
  const settings = Object.keys(storage) as Setting[]
  const strange = settings.filter((name) => !kind || !taken[kind].includes(name))
  for (const name of strange) {
    const why = kind ? `${scheme} takes ${taken[kind].join(', ')}` : '`data_path` is a folder'
    fault(['storage', name], `expected no such setting, as ${why}`)
  }
  const lacks = (name: Setting, message: string) => {
    if (storage[name] === undefined) fault(['storage', name], message)
  }
  const hasKey = storage.key_id !== undefined || storage.secret !== undefined
  if (kind === 'gcs' || kind === 'r2' || (kind === 's3' && hasKey)) {
    const word = kind === 'gcs' ? 'an HMAC key' : 'a key'
    lacks('key_id', `expected the id of ${word}${kind === 's3' ? '' : `, the only way into ${scheme}`}`)
    lacks('secret', `expected the secret of ${word}`)
  }
  if (kind === 'r2' && storage.endpoint === undefined)
    lacks('account_id', 'expected the id of the account at Cloudflare, or `endpoint`')
  // The whole address of an account names it.
  const isNamed = storage.account_name !== undefined || /^\w+:\/\/[^/]*\./.test(data_path)
  if (kind === 'azure' && !isNamed)
    lacks('connection_string', 'expected how to reach the storage account, or `account_name`')
  if (storage.connection_string !== undefined && storage.account_name !== undefined)
    fault(['storage', 'account_name'], 'expected either this or `connection_string`, which names the account')
}
