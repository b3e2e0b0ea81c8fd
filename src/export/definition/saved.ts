/** Saved exports: files of the exports directory and rows of `iterable_sync.exports`, kept as one catalogue. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import type { NotificationsConfig } from '../../config/schema.ts'
import { ConfigError, messageOf } from '../../errors.ts'
import { suggestion } from '../../nearest.ts'
import {
  deleteExports,
  type ExportRow,
  longestExport,
  readExports,
  saveExport,
  setExportError,
} from '../../state/exports.ts'
import { storable } from '../../state/sound.ts'
import type { Db } from '../../state/tables.ts'
import type { UseOptions, Warehouse } from '../../warehouse/session.ts'
import {
  checkDefinition,
  checkName,
  parseExportFile,
  type RawDefinition,
  type StatedDefinition,
} from './definition.ts'

/** A saved export, with its definition or what is wrong with it. */
export interface SavedExport {
  readonly name: string
  readonly definedIn: string
  readonly definition: StatedDefinition | undefined
  readonly error: string | undefined
}

export interface StoreOptions {
  readonly now: Date
  /** Whom exports may tell. */
  readonly notifications: NotificationsConfig
}

/** The saved exports as they are now, the files of the directory among them. What is broken stops nobody else. */
export async function loadExports(
  warehouse: Warehouse,
  directory: string,
  { signal, onWait, ...options }: StoreOptions & Pick<UseOptions, 'signal' | 'onWait'>,
): Promise<readonly SavedExport[]> {
  const files = await readExportFiles(directory)
  return warehouse.transaction(({ db }) => storeExports(db, files, options), { signal, onWait })
}

/** Brings the table up to date with the files, and checks every definition. */
export async function storeExports(
  db: Db,
  files: readonly ExportFile[],
  options: StoreOptions,
): Promise<readonly SavedExport[]> {
  const before = new Map((await readExports(db)).map((row) => [row.name, row]))
  const saved: SavedExport[] = []
  for (const file of files) saved.push(await storeFile(db, file, before.get(file.name), options))
  const names = new Set(files.map(({ name }) => name))
  const rows = [...before.values()].filter(({ name }) => !names.has(name))
  const vanished = rows.filter(({ defined_in }) => defined_in === 'file').map(({ name }) => name)
  await deleteExports(db, vanished)
  for (const row of rows.filter(({ name }) => !vanished.includes(name)))
    saved.push(await checkRow(db, row, options.notifications))
  return saved.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The definition of a file as it stands there; undefined where it is broken. */
export const definitionIn = (
  { name, raw }: ExportFile,
  notifications: NotificationsConfig,
): StatedDefinition | undefined => raw && attempt(name, raw, notifications).definition

/**
 * The exports as they are defined at this moment, each checked; writes nothing.
 * @param rows the table `exports` as it is.
 */
export async function readSaved(
  directory: string,
  rows: readonly ExportRow[],
  notifications: NotificationsConfig,
): Promise<readonly SavedExport[]> {
  const files = await readExportFiles(directory)
  const before = new Map(rows.map((row) => [row.name, row]))
  const names = new Set(files.map(({ name }) => name))
  return [
    ...files.map((file) => judgeFile(file, before.get(file.name), notifications)),
    ...rows
      .filter(({ name, defined_in }) => defined_in !== 'file' && !names.has(name))
      .map((row) => judgeRow(row, notifications)),
  ].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The definition of one export. @throws ConfigError when there is none of this name, it is broken, or may not run beside another. */
export function definitionOf(
  saved: readonly SavedExport[],
  name: string,
  directory: string,
): StatedDefinition {
  const found = saved.find((one) => one.name === name)
  if (!found) {
    const names = saved.map((one) => one.name)
    const cure = names.length > 0 ? suggestion(name, names) : `; write ${join(directory, `${name}.sql`)}`
    throw new ConfigError(`there is no export ${JSON.stringify(name)}${cure}`, { code: 'unknown_export' })
  }
  if (!found.definition) {
    throw new ConfigError(found.error ?? `export "${name}" is broken`, { code: 'broken_export' })
  }
  refuseRivals(found.definition, saved)
  return found.definition
}

/**
 * Two mirrors on one list would each remove the people of the other. `idOf` says which list an export means; one that is
 * written by its name is known only to those who have asked Iterable.
 */
export function refuseRivals(
  definition: StatedDefinition,
  others: readonly SavedExport[],
  idOf: (other: StatedDefinition) => number | undefined = ({ settings }) => settings.list_id,
): void {
  const { action, list, connection } = definition.settings
  if (action !== 'mirror') return
  const id = idOf(definition)
  const rival = others.find(
    ({ name, definition: other }) =>
      name !== definition.name &&
      other?.settings.action === 'mirror' &&
      other.settings.connection === connection &&
      ((id !== undefined && idOf(other) === id) || (list !== undefined && other.settings.list === list)),
  )
  if (!rival) return
  throw new ConfigError(
    `exports "${definition.name}" and "${rival.name}" both mirror list ${id ?? JSON.stringify(list)}; a list can have one mirror only`,
    { code: 'two_mirrors' },
  )
}

/** A file of the exports directory, read and not yet checked. */
export interface ExportFile {
  readonly name: string
  readonly path: string
  readonly raw: RawDefinition | undefined
  readonly error: string | undefined
  /** As the table keeps them; where the file is broken, its text in place of the query. */
  readonly query: string
  /** JSON text. */
  readonly settings: string
}

/** The files of the exports directory, by name. */
export async function readExportFiles(directory: string): Promise<readonly ExportFile[]> {
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
  let query = ''
  try {
    const text = await readFile(path, 'utf8')
    if (text.length > longestExport.query) throw new ConfigError(`${shown} ${tooLong}`)
    query = storable(text)
    checkName(name)
    const raw = parseExportFile(text, shown)
    return { name, path, raw, error: undefined, query: storable(raw.query), settings: jsonOf(raw, shown) }
  } catch (error) {
    return { name, path, raw: undefined, error: storable(messageOf(error)), query, settings: '{}' }
  }
}

/** The settings as JSON that both databases take: halves of characters, which JSON.stringify escapes, they do not. */
function jsonOf({ settings }: RawDefinition, shown: string): string {
  let json: string
  try {
    json = JSON.stringify(settings)
  } catch (error) {
    throw new ConfigError(`${shown}: a setting holds itself`, { cause: error })
  }
  if (json.length > longestExport.settings) throw new ConfigError(`${shown} ${tooLong}`)
  return json.replace(/(\\\\)|\\ud[89a-f][\da-f]{2}/g, (_, pair?: string) => pair ?? '\ufffd')
}

async function storeFile(
  db: Db,
  file: ExportFile,
  before: ExportRow | undefined,
  { now, notifications }: StoreOptions,
): Promise<SavedExport> {
  const { name, query, settings } = file
  const saved = judgeFile(file, before, notifications)
  const error = saved.error ?? null
  if (before?.defined_in === 'sql') {
    if (before.error_text !== error) await setExportError(db, name, error)
    return saved
  }
  const same =
    before &&
    before.query === query &&
    isSame(before.settings, settings) &&
    (before.error_text ?? null) === error
  if (!same) await saveExport(db, { name, query, settings, definedIn: 'file', error, now })
  return saved
}

/** A file, beside the row of its name. */
function judgeFile(
  { name, path, raw, error }: ExportFile,
  row: ExportRow | undefined,
  notifications: NotificationsConfig,
): SavedExport {
  if (row?.defined_in === 'sql') {
    const twice = `export "${name}" is defined twice: by ${path} and by a row of the table exports (defined_in 'sql'); remove one`
    return { name, definedIn: row.defined_in, definition: undefined, error: twice }
  }
  const judged = raw ? attempt(name, raw, notifications) : { definition: undefined, error }
  return { name, definedIn: 'file', ...judged }
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
  const saved = judgeRow(row, notifications)
  if ((row.error_text ?? undefined) !== saved.error) await setExportError(db, row.name, saved.error ?? null)
  return saved
}

const tooLong = `is too long: at most ${longestExport.query} characters of a query and ${longestExport.settings} of settings are read`

/** A row that somebody inserted. */
function judgeRow(
  { name, query, settings, defined_in, isTooLong }: ExportRow,
  notifications: NotificationsConfig,
): SavedExport {
  if (isTooLong) {
    const error = `export "${name}" ${tooLong}`
    return { name, definedIn: defined_in, definition: undefined, error }
  }
  const place = `exports.settings of "${name}"`
  const raw = { query: query.trim(), settings, placeOf: () => place }
  return { name, definedIn: defined_in, ...attempt(name, raw, notifications) }
}

function attempt(
  name: string,
  raw: RawDefinition,
  notifications: NotificationsConfig,
): Pick<SavedExport, 'definition' | 'error'> {
  try {
    return { definition: checkDefinition(name, raw, notifications), error: undefined }
  } catch (error) {
    return { definition: undefined, error: storable(reasonOf(name, error)) }
  }
}

/** Whatever it is: the row of one export stops no other. */
function reasonOf(name: string, error: unknown): string {
  if (error instanceof ConfigError) return error.message
  // Nested so deep that a function of the check ran out of stack.
  const reason = error instanceof RangeError ? 'the settings are nested too deep' : messageOf(error)
  return `export "${name}" cannot be read: ${reason}`
}
