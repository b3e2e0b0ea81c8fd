/** Saved exports: files of the exports directory and rows of `iterable_sync.exports`, kept as one catalogue. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import type { NotificationsConfig } from '../config/schema.ts'
import { ConfigError, messageOf } from '../errors.ts'
import { suggestion } from '../nearest.ts'
import { deleteExports, type ExportRow, readExports, saveExport, setExportError } from '../state/exports.ts'
import { migrate } from '../warehouse/migrations.ts'
import type { Warehouse } from '../warehouse/session.ts'
import {
  checkDefinition,
  checkName,
  type Definition,
  parseExportFile,
  type RawDefinition,
} from './definition.ts'

/** A saved export, with its definition or what is wrong with it. */
export interface SavedExport {
  readonly name: string
  readonly definedIn: string
  readonly definition: Definition | undefined
  readonly error: string | undefined
}

/**
 * Brings the table up to date with the files, and checks every definition. What is broken is told in its place and
 * stops nobody else.
 */
export async function loadExports(
  warehouse: Warehouse,
  directory: string,
  {
    now,
    notifications,
    signal,
    onWait,
  }: {
    readonly now: Date
    /** Whom exports may tell. */
    readonly notifications: NotificationsConfig
    readonly signal?: AbortSignal
    readonly onWait?: (text: string) => void
  },
): Promise<readonly SavedExport[]> {
  const files = await readFiles(directory)
  return warehouse.use(
    async (session) => {
      await migrate(session)
      return session.db.transaction().execute(async (db) => {
        const before = new Map((await readExports(db)).map((row) => [row.name, row]))
        const saved: SavedExport[] = []
        for (const file of files)
          saved.push(await storeFile(db, file, before.get(file.name), { now, notifications }))
        const names = new Set(files.map(({ name }) => name))
        const rows = [...before.values()].filter(({ name }) => !names.has(name))
        const vanished = rows.filter(({ defined_in }) => defined_in === 'file').map(({ name }) => name)
        await deleteExports(db, vanished)
        for (const row of rows.filter(({ name }) => !vanished.includes(name)))
          saved.push(await checkRow(db, row, notifications))
        return saved.sort((a, b) => (a.name < b.name ? -1 : 1))
      })
    },
    { ...(signal && { signal }), ...(onWait && { onWait }) },
  )
}

/** The definition of one export. @throws ConfigError when there is none of this name, or it is broken. */
export function definitionOf(saved: readonly SavedExport[], name: string, directory: string): Definition {
  const found = saved.find((one) => one.name === name)
  if (!found) {
    const names = saved.map((one) => one.name)
    const cure = names.length > 0 ? suggestion(name, names) : `; write ${join(directory, `${name}.sql`)}`
    throw new ConfigError(`there is no export ${JSON.stringify(name)}${cure}`, { code: 'unknown_export' })
  }
  if (found.definition) return found.definition
  throw new ConfigError(found.error ?? `export "${name}" is broken`, { code: 'broken_export' })
}

type Db = Parameters<typeof readExports>[0]

interface ExportFile {
  readonly name: string
  readonly path: string
  readonly raw: RawDefinition | undefined
  readonly text: string
  readonly error: string | undefined
}

async function readFiles(directory: string): Promise<readonly ExportFile[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new ConfigError(`cannot read the exports in ${directory}: ${messageOf(error)}`, { cause: error })
  })
  return Promise.all(
    names
      .filter((file) => file.endsWith('.sql') && !file.startsWith('.'))
      .sort()
      .map((file) => readExport(join(directory, file), directory)),
  )
}

async function readExport(path: string, directory: string): Promise<ExportFile> {
  const name = basename(path, '.sql')
  const shown = join(basename(directory), relative(directory, path))
  let text = ''
  try {
    text = await readFile(path, 'utf8')
    checkName(name)
    return { name, path, text, raw: parseExportFile(text, shown), error: undefined }
  } catch (error) {
    return { name, path, text, raw: undefined, error: messageOf(error) }
  }
}

async function storeFile(
  db: Db,
  file: ExportFile,
  before: ExportRow | undefined,
  { now, notifications }: { readonly now: Date; readonly notifications: NotificationsConfig },
): Promise<SavedExport> {
  const { name, raw } = file
  if (before?.defined_in === 'sql') {
    const checked = await checkRow(db, before, notifications)
    const error = `export "${name}" is defined twice: by ${file.path} and by a row of the table exports (defined_in 'sql'); remove one`
    await setExportError(db, name, error)
    return { ...checked, definition: undefined, error }
  }
  const { definition, error } = raw
    ? attempt(name, raw, notifications)
    : { definition: undefined, error: file.error }
  const settings = JSON.stringify(raw?.settings ?? {})
  const query = raw?.query ?? file.text
  const same =
    before &&
    before.query === query &&
    isSame(before.settings, settings) &&
    (before.error_text ?? undefined) === error
  if (!same) await saveExport(db, { name, query, settings, definedIn: 'file', error: error ?? null, now })
  return { name, definedIn: 'file', definition, error }
}

/** Somebody may have put settings of any form into the row, e.g. ones too deep to be written out. */
function isSame(stored: unknown, settings: string): boolean {
  try {
    return JSON.stringify(stored) === JSON.stringify(JSON.parse(settings))
  } catch {
    return false
  }
}

async function checkRow(db: Db, row: ExportRow, notifications: NotificationsConfig): Promise<SavedExport> {
  const { name, query, settings, defined_in } = row
  const place = `exports.settings of "${name}"`
  const { definition, error } = attempt(
    name,
    { query: query.trim(), settings, placeOf: () => place },
    notifications,
  )
  if ((row.error_text ?? undefined) !== error) await setExportError(db, name, error ?? null)
  return { name, definedIn: defined_in, definition, error }
}

function attempt(
  name: string,
  raw: RawDefinition,
  notifications: NotificationsConfig,
): Pick<SavedExport, 'definition' | 'error'> {
  try {
    return { definition: checkDefinition(name, raw, notifications), error: undefined }
  } catch (error) {
    return { definition: undefined, error: reasonOf(name, error) }
  }
}

/** Whatever it is: the row of one export stops no other. */
function reasonOf(name: string, error: unknown): string {
  if (error instanceof ConfigError) return error.message
  // Nested so deep that a function of the check ran out of stack.
  const reason = error instanceof RangeError ? 'the settings are nested too deep' : messageOf(error)
  return `export "${name}" cannot be read: ${reason}`
}
