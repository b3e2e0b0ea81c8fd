/** Storage that speaks S3, with a bucket `lake`. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProgram } from './programs.ts'

export interface S3 extends AsyncDisposable {
  /** The folder in which it keeps the objects of the bucket. */
  readonly folder: string
  /** `warehouse.storage` of a lake in it. */
  readonly storage: {
    readonly key_id: string
    readonly secret: string
    readonly region: string
    readonly endpoint: string
    readonly url_style: 'path'
    readonly use_ssl: false
  }
}

export async function startS3(): Promise<S3> {
  const directory = await mkdtemp(join(tmpdir(), 'elt-s3-'))
  const child = startProgram('test/support/s3-server.ts', [directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  const [said] = await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), closed])
  const storage = { key_id: 'S3RVER', secret: 'S3RVER', region: 'us-east-1' }
  const place = { endpoint: `127.0.0.1:${String(said).trim()}`, url_style: 'path', use_ssl: false } as const
  return {
    folder: join(directory, 'lake'),
    storage: { ...storage, ...place },
    async [Symbol.asyncDispose]() {
      child.kill()
      await closed
      await rm(directory, { recursive: true, force: true })
    },
  }
}
