/** dbt, where this machine has it: a program of Python with adapters for both warehouses. */
import { execFile, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import type { TestWarehouse } from './warehouse.ts'

/** `DBT_PACKAGES` is a folder of `pip install --target`, which `.ci/run` makes for a step of its own: dbt is slow to start. */
const env = {
  ...process.env,
  PYTHONPATH: process.env.DBT_PACKAGES ?? '',
  DBT_SEND_ANONYMOUS_USAGE_STATS: 'false',
  NO_COLOR: '1',
}
const python = (text: string) => ['-c', text] as const

/** True where dbt is to be run, and can be. */
export const hasDbt =
  process.env.DBT_PACKAGES !== undefined &&
  spawnSync('python3', python('import dbt.cli.main, dbt.adapters.duckdb, dbt.adapters.postgres'), { env })
    .status === 0

/** Runs a command of dbt in the folder of a project. Resolves to what it says; rejects with that, where it fails. */
export async function dbt(folder: string, args: readonly string[]): Promise<string> {
  const program = python('import sys; from dbt.cli.main import cli; sys.argv[0] = "dbt"; cli()')
  const given = [...args, '--profiles-dir', folder, '--project-dir', folder]
  const running = promisify(execFile)('python3', [...program, ...given], { cwd: folder, env })
  const { stdout } = await running.catch((error: { readonly stdout?: string }) => {
    throw new Error(`dbt ${args.join(' ')}:\n${error.stdout ?? error}`)
  })
  return stdout
}

/** A profile that works in the schema `dbt_iterable`: of a file of its own beside a DuckDB, of the database of a Postgres. */
export async function writeProfile(folder: string, { config }: TestWarehouse): Promise<void> {
  const schema = 'dbt_iterable'
  const output =
    config.type === 'duckdb'
      ? {
          type: 'duckdb',
          path: join(folder, 'dbt.duckdb'),
          schema,
          attach: [{ path: config.path, alias: 'copy', read_only: true }],
        }
      : postgresOutput((config as { readonly url: string }).url, schema)
  await writeFile(
    join(folder, 'profiles.yml'),
    stringify({ iterable_elt: { target: 'test', outputs: { test: output } } }),
  )
}

function postgresOutput(text: string, schema: string): unknown {
  const { hostname, port, username, password, pathname } = new URL(text)
  return {
    type: 'postgres',
    host: hostname,
    port: Number(port || 5432),
    schema,
    threads: 2,
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    dbname: pathname.slice(1),
  }
}
