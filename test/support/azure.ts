/** Storage of Azure with a container `lake`: Azurite, which checks signatures. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { Cloud } from './cloud.ts'

/** The program of Azurite, fetched if need be; undefined where it cannot be had. */
export async function azurite(): Promise<string | undefined> {
  const script = join(import.meta.dirname, '../../.ci/azurite.mjs')
  try {
    return (await promisify(execFile)(process.execPath, [script])).stdout.trim()
  } catch (error) {
    console.warn(`NO TEST OF A LAKE IN AZURE RUNS: ${(error as Error).message.trim()}`)
    return undefined
  }
}

export async function startAzure(program: string): Promise<Cloud> {
  const directory = await mkdtemp(join(tmpdir(), 'elt-azure-'))
  const account = 'elt'
  const key = randomBytes(64).toString('base64')
  const child = spawn(
    process.execPath,
    [program, '--blobPort', '0', '--location', directory, '--silent', '--disableTelemetry'],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, AZURITE_ACCOUNTS: `${account}:${key}` } },
  )
  const closed = once(child, 'close')
  const address = await Promise.race([addressOf(child), closed.then(() => undefined)])
  if (!address) throw new Error('Azurite did not start')
  const place = { account, key, address }
  const made = await ask(place, 'PUT', { restype: 'container' })
  if (!made.ok) throw new Error(`Azurite made no container: ${await made.text()}`)
  const storageWith = (used: string) => {
    const reached = { AccountName: account, AccountKey: used, BlobEndpoint: `${address}/${account}` }
    const parts = Object.entries({ DefaultEndpointsProtocol: 'http', ...reached })
    return { connection_string: parts.map(([name, value]) => `${name}=${value}`).join(';') }
  }
  return {
    storage: storageWith(key),
    stranger: storageWith(Buffer.from('guessed').toString('base64')),
    async countFiles() {
      const listed = await ask(place, 'GET', { comp: 'list', restype: 'container' })
      return (await listed.text()).split('<Blob>').length - 1
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await closed
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Where it says that it listens. */
function addressOf({ stdout }: ChildProcessByStdio<null, Readable, null>): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    stdout.on('data', (chunk) => {
      said += chunk
      const [, address] = /successfully listens on (http:\S+)/.exec(said) ?? []
      if (address) resolve(address)
    })
  })
}

interface Place {
  readonly account: string
  readonly key: string
  readonly address: string
}

/** Asks for something of the container, signed as Azure wants it. */
function ask(place: Place, method: string, query: Readonly<Record<string, string>>): Promise<Response> {
  const { account, key, address } = place
  const path = `/${account}/lake`
  const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2023-11-03' }
  const lines = [
    ...[method, ...Array(11).fill('')],
    ...Object.entries(headers).map(([name, value]) => `${name}:${value}`),
    ...[`/${account}${path}`, ...Object.entries(query).map(([name, value]) => `${name}:${value}`)],
  ]
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(lines.join('\n')).digest('base64')
  return fetch(`${address}${path}?${new URLSearchParams(query)}`, {
    method,
    headers: { ...headers, authorization: `SharedKey ${account}:${signature}` },
  })
}
