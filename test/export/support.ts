/** An export under test: a warehouse of its own, a sandbox without limits, and a fast clock. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { type Elt, open } from '../../src/index.ts'
import { systemClock } from '../../src/iterable/clock.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts'
import { eachWarehouse, type Row, type TestWarehouse } from '../support/warehouse.ts'

export interface Fixture extends AsyncDisposable {
  readonly warehouse: TestWarehouse
  readonly sandbox: Sandbox
  readonly elt: Elt
  readonly listId: number
  /** Writes sql/exports/NAME.sql; new fields are welcome unless the settings say otherwise. */
  save(name: string, settings: Row | string, query: string): Promise<void>
  /** Runs statements in the warehouse through a session of the product. */
  run(sql: string): Promise<Row[]>
  members(): string[]
  /** Bodies of list writes, oldest first. */
  writes(): { path: string; body: { listId: number; subscribers: Row[] } & Row }[]
}

export interface FixtureOptions extends SandboxOptions {
  readonly maxRetries?: number
  /** The warehouse as a host application's pool. */
  readonly pool?: pg.Pool
}

/** Waits take no time, but for the grace of 10 s that requests have when a run is stopped. */
const quickClock = {
  now: () => systemClock.now(),
  sleep: (ms: number, signal?: AbortSignal) =>
    systemClock.sleep(ms === 10_000 ? ms : Math.min(ms, 1), signal),
}

export async function makeFixture(warehouse: TestWarehouse, options: FixtureOptions = {}): Promise<Fixture> {
  const { maxRetries = 3, pool, ...sandboxOptions } = options
  const sandbox = await startSandbox({ rateLimits: 'off', empty: true, ...sandboxOptions })
  const listId = 5_001
  // A field of these tests, and no misspelt `scores`.
  sandbox.data.fields.score = 'long'
  sandbox.data.lists.push({ id: listId, name: 'Test', createdAt: 0, listType: 'Standard' })
  const directory = join(warehouse.tempDir, 'exports')
  await mkdir(directory, { recursive: true })
  const parts = {
    connections: {
      iterable: {
        type: 'iterable',
        api_key: sandbox.keys.server,
        base_url: sandbox.url,
        project_type: sandbox.projectType,
        rate_limits: 'off',
        max_retries: maxRetries,
      },
    },
    exports: { directory },
  } as const
  const elt = pool
    ? await open({ ...parts, warehouse: { type: 'postgres', pool } }, { clock: quickClock })
    : await open({ ...parts, warehouse: warehouse.config }, { clock: quickClock })
  // Makes the schemas.
  await elt.exports()
  return {
    warehouse,
    sandbox,
    elt,
    listId,
    async save(name, settings, query) {
      const block =
        typeof settings === 'string'
          ? settings
          : JSON.stringify({ list_id: listId, new_fields: 'create', ...settings })
      await writeFile(join(directory, `${name}.sql`), `/*\n${block}\n*/\n${query}\n`)
    },
    run: (statement) =>
      elt.warehouse.use(async ({ db }) => {
        const { sql } = await import('kysely')
        const { rows } = await sql.raw<Row>(statement).execute(db)
        return rows
      }),
    members: () => sandbox.data.members(listId).all(),
    writes: () =>
      sandbox.requests
        .filter(({ path }) => /subscribe$/.test(path))
        .map(({ path, body }) => ({ path, body: body as never })),
    async [Symbol.asyncDispose]() {
      await elt[Symbol.asyncDispose]()
      await sandbox.close()
    },
  }
}

/** A test on both warehouses with a fixture. */
export function exportTest(
  name: string,
  body: (fixture: Fixture) => Promise<void>,
  options: FixtureOptions & { timeoutMs?: number } = {},
): void {
  const { timeoutMs, ...rest } = options
  eachWarehouse(
    name,
    async (warehouse) => {
      await using fixture = await makeFixture(warehouse, rest)
      await body(fixture)
    },
    timeoutMs,
  )
}

/** `values ('a', 1), …` as a table of one's own. */
export const people = (count: number, from = 0): string =>
  `select 'p' || n || '@example.com' as email, n as score from generate_series(${from + 1}, ${from + count}) as g(n)`
