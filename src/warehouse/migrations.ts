/** Brings `iterable_sync` up to date: numbered SQL files of `migrations/`, run by Kysely's migrator. */
import { readdir, readFile } from 'node:fs/promises'
import { type Kysely, type Migration, Migrator, sql } from 'kysely'
import { ConfigError } from '../errors.ts'
import { packageFile } from '../package-files.ts'
import type { Session } from './session.ts'
import { quoted } from './sql.ts'

/**
 * Makes the schemas and our own tables, or brings them up to date. Safe when two processes start at once.
 * @throws UserError with code `newer_warehouse` when a newer version of the product has written the warehouse.
 */
export async function migrate(session: Session): Promise<void> {
  const { names, db } = session
  const migrations = await readMigrations(session)
  if (await isUpToDate(session, Object.keys(migrations))) return
  await createSchemas(session)
  const migrator = new Migrator({
    db: db.withoutPlugins() as Kysely<unknown>,
    provider: { getMigrations: async () => migrations },
    migrationTableSchema: names.sync,
    migrationTableName: 'migrations',
    migrationLockTableName: 'migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (!error) return
  if (/corrupted migrations/.test(String(error))) {
    throw new ConfigError(
      `the warehouse was written by a newer version of iterable-elt (schema "${names.sync}"); upgrade iterable-elt`,
      { code: 'newer_warehouse', cause: error },
    )
  }
  throw error
}

/** One short question, where the migrator asks twenty. */
async function isUpToDate({ db, names }: Session, ours: readonly string[]): Promise<boolean> {
  const seen = await sql<{ name: string }>`select name from ${sql.table(`${names.sync}.migrations`)}`
    .execute(db.withoutPlugins())
    .catch(() => undefined)
  const applied = new Set(seen?.rows.map(({ name }) => name))
  return applied.size === ours.length && ours.every((name) => applied.has(name))
}

/** A schema that exists is left alone: `if not exists` too asks for the right to create one. */
async function createSchemas({ db, names }: Session): Promise<void> {
  const existing = async () => new Set((await db.introspection.getSchemas()).map(({ name }) => name))
  const before = await existing()
  const needed = [names.streams, names.sync, names.views]
  for (const schema of needed.filter((name) => !before.has(name))) {
    try {
      await sql.raw(`create schema if not exists ${quoted(schema)}`).execute(db)
    } catch (error) {
      // Another process was quicker.
      if (!(await existing()).has(schema)) throw error
    }
  }
}

const addsConstraint = /^\s*alter table \S+\s+add constraint/i

async function readMigrations({ names, dialect }: Session): Promise<Record<string, Migration>> {
  const directory = packageFile('migrations')
  const files = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  const entries = files.map(async (file): Promise<[string, Migration]> => {
    const text = await readFile(`${directory}/${file}`, 'utf8')
    const statements = text
      .replaceAll('{sync}', quoted(names.sync))
      .replaceAll(/^--.*$/gm, '')
      .split(/;\s*$/m)
      .filter((statement) => statement.trim() !== '')
      .filter((statement) => dialect.addsConstraints || !addsConstraint.test(statement))
    return [
      file.replace(/\.sql$/, ''),
      {
        up: async (db) => {
          for (const statement of statements) await sql.raw(statement).execute(db)
        },
      },
    ]
  })
  return Object.fromEntries(await Promise.all(entries))
}
