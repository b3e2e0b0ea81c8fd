/** Storage that speaks S3, with a bucket `lake`. */
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cloud } from './cloud.ts'
import { startProgram } from './programs.ts'

export async function startS3(): Promise<Cloud> {
  const directory = await mkdtemp(join(tmpdir(), 'elt-s3-'))
  const child = startProgram('test/support/s3-server.ts', [directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  const [said] = await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), closed])
  const storage = { key_id: 'S3RVER', secret: 'S3RVER', region: 'us-east-1' }
  const place = { endpoint: `127.0.0.1:${String(said).trim()}`, url_style: 'path', use_ssl: false }
  return {
    storage: { ...storage, ...place },
    stranger: { ...storage, ...place, key_id: 'STRANGER', secret: 'guessed' },
    async countFiles() {
      const found = await readdir(join(directory, 'lake'), { recursive: true })
      return found.filter((name) => name.endsWith('.parquet._S3rver_object')).length
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await closed
      await rm(directory, { recursive: true, force: true })
    },
  }
}
