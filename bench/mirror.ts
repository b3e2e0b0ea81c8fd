/**
 * How the time of a mirror on Postgres grows with its people, on a server that keeps no statistics (autovacuum off): the
 * first run, a second one with 1 % changes, and the first run of a mirror that adopts a full list. Run by
 * `npm run bench -- --mirror`, or alone: `tsx bench/mirror.ts [people …]`.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type Elt, open } from '../src/index.ts'
import { startSandbox } from '../src/sandbox/index.ts'
import { startEmbeddedPostgres } from '../test/support/embedded-postgres.ts'

const listId = 5_001
const query = "select 'p' || n || '@example.com' as email, score from iterable.people"

/** Prints the seconds of each run, and how much more each takes than the size before, as a share of the growth. */
export async function benchMirror(sizes: readonly number[]): Promise<void> {
  const server = await startEmbeddedPostgres({ autovacuum: 'off' })
  try {
    const before = new Map<string, { readonly people: number; readonly seconds: number }>()
    for (const people of sizes) {
      for (const [what, seconds] of Object.entries(await measure(server.url, people))) {
        const last = before.get(what)
        const growth = last && (seconds / last.seconds / (people / last.people)).toFixed(2)
        console.log(
          `${what} of ${people} people: ${seconds.toFixed(1)} s${growth ? `, ${growth} of proportion` : ''}`,
        )
        before.set(what, { people, seconds })
      }
    }
  } finally {
    await server.stop()
  }
}

async function measure(
  url: string,
  people: number,
): Promise<Record<'first run' | 'second run' | 'adoption', number>> {
  const directory = await mkdtemp(join(tmpdir(), 'iterable-elt-bench-'))
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('drop schema if exists iterable_sync, iterable_views, iterable cascade')
    await using sandbox = await startSandbox({ rateLimits: 'off', empty: true, logSize: 1 })
    sandbox.data.lists.push({ id: listId, name: 'Bench', createdAt: 0, listType: 'Standard' })
    await mkdir(join(directory, 'exports'))
    const save = (name: string, settings: object) =>
      writeFile(
        join(directory, 'exports', `${name}.sql`),
        `/*\n${JSON.stringify({ action: 'mirror', list_id: listId, columns: ['score'], ...settings })}\n*/\n${query}\n`,
      )
    await save('mirror', {})
    await using elt = await open({
      warehouse: { type: 'postgres', url },
      connections: {
        iterable: {
          type: 'iterable',
          api_key: sandbox.keys.server,
          base_url: sandbox.url,
          rate_limits: 'off',
        },
      },
      exports: { directory: join(directory, 'exports') },
    })
    await elt.exports()
    await client.query(
      `create table iterable.people as select n, n as score from generate_series(1, ${people}) as g(n)`,
    )
    const first = await seconds(elt, 'mirror')
    await client.query(`update iterable.people set score = -1 where n % 100 = 0`)
    const second = await seconds(elt, 'mirror')
    // Another export finds the people on the list already.
    await rm(join(directory, 'exports', 'mirror.sql'))
    await save('adopted', { baseline: 'adopt' })
    await client.query(`delete from iterable.people where n % 100 = 1`)
    const adoption = await seconds(elt, 'adopted')
    return { 'first run': first, 'second run': second, adoption }
  } finally {
    await client.end()
    await rm(directory, { recursive: true, force: true })
  }
}

async function seconds(elt: Elt, name: string): Promise<number> {
  const startedMs = performance.now()
  const { state, error } = await elt.export(name)
  if (state !== 'succeeded' && state !== 'held') throw new Error(`${name} ended as ${state}: ${error}`)
  return (performance.now() - startedMs) / 1000
}

if (process.argv[1]?.endsWith('mirror.ts')) {
  const sizes = process.argv.slice(2).map(Number)
  await benchMirror(sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000])
}
