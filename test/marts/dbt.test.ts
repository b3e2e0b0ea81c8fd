/** `views --dbt`: the project keeps what people changed, and dbt builds of it what the views say. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { run, runJson, writeConfig } from '../cli/run.ts'
import { dbt, hasDbt, writeProfile } from '../support/dbt.ts'
import { configFor, openOn } from '../support/sync.ts'
import { createTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'
import { makeWorld, worldStart, worldStreams } from './world.ts'

if (!hasDbt)
  console.warn(
    'no dbt in DBT_PACKAGES (a step of .ci/run has one): what it makes of the project is not tested',
  )

/** Long enough for a Python that has not been compiled yet. */
const minutes = 300_000

describe.each(['duckdb', 'postgres'] as const)('%s', (kind) => {
  let warehouse: TestWarehouse
  let sandbox: Sandbox
  let folder: string
  const cwd = () => warehouse.tempDir
  beforeAll(async () => {
    sandbox = await makeWorld(11)
    warehouse = await createTestWarehouse(kind)
    folder = join(warehouse.tempDir, 'dbt')
    const marts = { materialize: ['message_facts'] }
    const sync = { streams: worldStreams, start_date: worldStart.toISOString(), window_in_days: 366 }
    await using elt = await openOn(sandbox, warehouse, { sync, marts })
    await elt.sync()
    // A rule of the user counts in dbt, too.
    await elt.warehouse.use(({ tables }) =>
      sql`insert into iterable_marts.my_bot_rules values ('own', 'ip', '17.%', null, true)`.execute(tables),
    )
    // What is kept as a table follows the rule at the end of a sync.
    await elt.sync()
    await writeConfig(cwd(), configFor(sandbox, warehouse, { sync, marts }))
  }, minutes)
  afterAll(async () => {
    await warehouse?.[Symbol.asyncDispose]()
    await sandbox?.close()
  })

  test('the project is written, and what people changed stays', async () => {
    await mkdir(join(folder, 'models'), { recursive: true })
    await writeFile(join(folder, 'models/sources.yml'), 'mine: true\n')
    const first = await runJson(['views', '--dbt', folder], { cwd: cwd() })
    expect(first.document).toMatchObject({ kept: ['models/sources.yml'], unchanged: [] })
    expect(first.document.left_out).toContainEqual({
      view: 'metrics_reconciliation',
      reason: 'needs campaign_metrics, not replicated',
    })
    expect(first.stderr).toContain('models/sources.yml was changed by somebody and stays')
    expect(await readFile(join(folder, 'models/sources.yml'), 'utf8')).toBe('mine: true\n')

    await appendFile(join(folder, 'models/marts/bot_events.sql'), '-- mine\n')
    const second = await runJson(['views', '--dbt', folder], { cwd: cwd() })
    expect(second.document).toMatchObject({
      kept: ['models/sources.yml', 'models/marts/bot_events.sql'],
      written: [],
    })
    const forced = await run(['views', '--dbt', folder, '--force'], { cwd: cwd() })
    expect({ ...forced, stdout: '' }).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    expect(forced.stdout).toContain('2 files written')

    const { sources } = parse(await readFile(join(folder, 'models/sources.yml'), 'utf8'))
    const users = sources[0].tables.find(({ name }: { name: string }) => name === 'users')
    expect(users.columns.find(({ name }: { name: string }) => name === 'itblUserId')).toMatchObject({
      quote: true,
      data_tests: ['unique', 'not_null'],
      description: "Iterable's own id of the person, in hybrid and userID-based projects",
    })
    const facts = await readFile(join(folder, 'models/marts/message_facts.sql'), 'utf8')
    expect(facts).toContain("{{ config(materialized='table') }}")
    expect(facts).toContain("from {{ ref('sent_messages') }} as s")
    const nowhere = await run(['views', '--dbt', join(folder, 'dbt_project.yml')], { cwd: cwd() })
    expect(nowhere.stderr).toMatch(/--dbt: cannot write to .* \(ENOTDIR\)/)
    expect(nowhere.exitCode).toBe(2)
    // Where no folder can be made, Node's own way to make one never comes back.
    const never = await run(['views', '--dbt', '/proc/x/dbt'], { cwd: cwd() })
    expect(never.stderr).toMatch(/--dbt: cannot write to \/proc\/x\/dbt \(ENOENT\)/)
  })

  test.skipIf(!hasDbt)(
    'dbt builds of it the rows of the views, and its tests pass',
    async () => {
      await writeProfile(folder, warehouse)
      const place = kind === 'duckdb' ? ['--vars', 'iterable_database: copy'] : []
      // It parses first; what it would only warn of, such as a form that is going out of use, is an error.
      const said = await dbt(folder, ['--warn-error', 'build', ...place])
      expect(said).toMatch(/PASS=\d+ WARN=0 ERROR=0 SKIP=0/)
      if (kind === 'duckdb') {
        const fresh = await dbt(folder, ['source', 'freshness', ...place])
        // The world ended long ago, by the clock of dbt.
        expect(fresh).toMatch(/WARN freshness of iterable\.email_send/)
      }

      const { models } = parse(await readFile(join(folder, 'models/marts/schema.yml'), 'utf8'))
      expect(models.length).toBeGreaterThan(20)
      const counts = await compared(
        models.map(({ name }: { name: string }) => name),
        { warehouse, folder },
      )
      expect(
        counts.filter(
          ({ rows, mart_rows, checksum, mart_checksum }) => rows !== mart_rows || checksum !== mart_checksum,
        ),
      ).toEqual([])
      expect(counts.find(({ view }) => view === 'message_facts')?.rows).toBeGreaterThan(400)
    },
    minutes,
  )
})

/** Rows and a checksum of each model, beside those of the view of its name. */
async function compared(
  views: readonly string[],
  { warehouse, folder }: { readonly warehouse: TestWarehouse; readonly folder: string },
) {
  const sumOf = (relation: string) => `
    select count(*) as rows, md5(coalesce(string_agg(line, '|' order by line), '')) as checksum
    from (select md5(cast(one as varchar)) as line from ${relation} as one) as lines`
  const text = (places: { readonly model: string; readonly mart: string }) =>
    views
      .map(
        (
          view,
        ) => `select '${view}' as view, a.rows, b.rows as mart_rows, a.checksum, b.checksum as mart_checksum
          from (${sumOf(`${places.model}.${view}`)}) as a, (${sumOf(`${places.mart}.${view}`)}) as b`,
      )
      .join('\nunion all\n')
  if (warehouse.config.type !== 'duckdb') {
    const rows = await warehouse.query(text({ model: 'dbt_iterable', mart: 'iterable_marts' }))
    return rows.map(comparison)
  }
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`attach '${join(folder, 'dbt.duckdb')}' as dbt (read_only)`)
    await connection.run(`attach '${warehouse.config.path}' as copy (read_only)`)
    const all: ReturnType<typeof comparison>[] = []
    for (const view of views) {
      const [model] = await rowsOf(connection, 'dbt', sumOf(`dbt_iterable.${view}`))
      const [mart] = await rowsOf(connection, 'copy', sumOf(`iterable_marts.${view}`))
      all.push(comparison({ view, ...model, mart_rows: mart?.rows, mart_checksum: mart?.checksum }))
    }
    return all
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function rowsOf(
  connection: Awaited<ReturnType<DuckDBInstance['connect']>>,
  database: string,
  query: string,
): Promise<Record<string, unknown>[]> {
  await connection.run(`use ${database}`)
  return (await connection.runAndReadAll(query)).getRowObjectsJS()
}

const comparison = (row: Record<string, unknown>) => ({
  view: String(row.view),
  rows: Number(row.rows),
  mart_rows: Number(row.mart_rows),
  checksum: row.checksum,
  mart_checksum: row.mart_checksum,
})
