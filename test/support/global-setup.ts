/** Bundles the programs that tests start, and holds the one Postgres server of a run: started when the first test asks. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { type PostgresServer, startPostgres } from './postgres.ts'
import { bundlePrograms } from './programs.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A GET here answers with the connection string of the run's Postgres server. */
    postgresDoor: string
    /** A folder with DuckDB's extensions for a lake; empty where they cannot be had. */
    lakeExtensions: string
  }
}

/** In a process of its own: DuckDB, which tells its version there, would stay in this one. */
async function fetchExtensions(): Promise<string> {
  const script = join(import.meta.dirname, '../../.ci/duckdb-extensions.mjs')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [script])
  if (stderr) console.warn(`NOT EVERY TEST OF A LAKE RUNS: ${stderr.trim()}`)
  return stdout.trim()
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await bundlePrograms()
  const extensions = await fetchExtensions().catch((error: Error) => {
    console.warn(`NO TEST OF A LAKE RUNS: DuckDB's extensions cannot be had (${error.message.trim()})`)
    return ''
  })
  project.provide('lakeExtensions', extensions)
  let postgres: Promise<PostgresServer> | undefined
  // Test files run in processes of their own, so the question has to travel over a socket.
  const door = createServer(async (_request, response) => {
    // A connection that is kept may be closed by us at the moment that the next question goes out on it.
    response.setHeader('Connection', 'close')
    try {
      postgres ??= startPostgres()
      response.end((await postgres).url)
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  }).listen(0, '127.0.0.1')
  await once(door, 'listening')
  project.provide('postgresDoor', `http://127.0.0.1:${(door.address() as AddressInfo).port}/`)

  return async () => {
    door.close()
    door.closeAllConnections()
    const server = await postgres?.catch(() => undefined)
    await server?.stop()
    if (project.config.env.TEST_SCOPE === 'usual')
      console.log(
        'Left out: lakes, full disks, kills by the dozen, browsers, packages. All of it: npm run test:all',
      )
  }
}
