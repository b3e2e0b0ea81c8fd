/** Treasure Data's settings and workflows, turned into export files, with a word on every setting. */
import { parse as parseYaml, stringify } from 'yaml'
import { ConfigError, messageOf } from '../../errors.ts'
import { checkDefinition, FaultyDefinition, parseExportFile } from '../definition/definition.ts'
import { sortResult } from './result.ts'
import { scheduleOf } from './schedule.ts'
import { type Block, isBlock, Variables } from './variables.ts'

/** What became of one setting. */
export interface ImportNote {
  /** The task, as a path of the workflow; empty for the whole file. */
  readonly task: string
  readonly setting: string
  readonly value: string
  readonly became: string
}

export interface ImportedExport {
  readonly name: string
  /** Text of sql/exports/NAME.sql. */
  readonly text: string
}

export interface Import {
  readonly exports: readonly ImportedExport[]
  readonly report: readonly ImportNote[]
  /** Settings that could not be taken over, and exports that cannot run as they stand. */
  readonly faults: number
}

export interface ImportInput {
  readonly text: string
  /** Name of the file without its folder. */
  readonly fileName: string
  /** Reads a SQL file named by the workflow; undefined where it cannot be read. */
  readonly readQuery: (path: string) => Promise<string | undefined>
}

/** @throws ConfigError for a file that is neither. */
export async function importTd(input: ImportInput): Promise<Import> {
  return /\.ya?ml$|\.dig$/i.test(input.fileName) ? importWorkflow(input) : importResult(input)
}

/** A `--result` JSON: one export whose query is still to be written. */
function importResult({ text, fileName }: ImportInput): Import {
  const report = new Report()
  const settings = resultSettings(text, '', report)
  const name = exportName(fileName.replace(/\.\w+$/, ''))
  return report.with([report.judged({ name, text: exportText(settings, queryToWrite) }, '')])
}

/** Notes on settings; a fault of one keeps nothing from being told of the others. */
class Report {
  readonly #notes: ImportNote[] = []
  #faults = 0

  note(task: string, setting: string, value: unknown, became: string): void {
    this.#notes.push({ task, setting, value: shown(value), became })
  }

  refuse(task: string, setting: string, value: unknown, reason: string): void {
    this.#faults += 1
    this.note(task, setting, value, `refused: ${reason}`)
  }

  /** The export, and what is wrong with it. */
  judged(one: ImportedExport, task: string): ImportedExport {
    try {
      checkDefinition(one.name, parseExportFile(one.text, `${one.name}.sql`))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const faults = error instanceof FaultyDefinition ? error.faults : [error.message]
      for (const fault of faults) this.refuse(task, `${one.name}.sql`, '', fault)
    }
    return one
  }

  with(exports: readonly ImportedExport[]): Import {
    return { exports, report: this.#notes, faults: this.#faults }
  }
}

const queryToWrite =
  '-- the query of the Treasure Data job goes here\nselect email from iterable.users where false'

async function importWorkflow(input: ImportInput): Promise<Import> {
  let root: unknown
  try {
    // digdag includes files with the tag `!include`, which means nothing here.
    root = parseYaml(input.text, { logLevel: 'silent', strict: false, uniqueKeys: false })
  } catch (error) {
    throw new ConfigError(`${input.fileName} cannot be read as YAML: ${messageOf(error).split('\n')[0]}`, {
      cause: error,
    })
  }
  if (!isBlock(root)) throw new ConfigError(`${input.fileName} has no workflow in it`)
  const report = new Report()
  const note: Note = (...told) => report.note(...told)
  const schedule = isBlock(root.schedule)
    ? scheduleOf(root.schedule, root.timezone, (...args) => note('', ...args))
    : undefined
  if (root.timezone !== undefined && !schedule)
    note('', 'timezone', root.timezone, 'ignored: there is no schedule')
  const exports: ImportedExport[] = []
  const visit = async (block: Block, path: string, inherited: Variables): Promise<void> => {
    const own = isBlock(block._export) ? block._export : {}
    const scope = inherited.with(own)
    if (block['td>'] !== undefined) exports.push(...(await importTask(scope.settle(block), path, scope)))
    for (const [key, value] of Object.entries(block)) {
      if (key.startsWith('+') && isBlock(value)) await visit(value, `${path}${key}`, scope)
      else if (path === '' ? !knownAtTop.has(key) : !isTaskKey(key))
        note(path, key, value, 'ignored: it has no counterpart here')
    }
    noteExportBlock(own, path, scope, note)
  }

  async function importTask(task: Block, path: string, scope: Variables): Promise<ImportedExport[]> {
    const to = task.result_url ?? task.result_connection
    if (to === undefined && task.result_settings === undefined) {
      note(path, 'td>', task['td>'], 'left out: its result goes nowhere')
      return []
    }
    const settings: Record<string, unknown> = resultSettings(task.result_settings ?? {}, path, report)
    if (task.result_connection !== undefined) {
      settings.connection = String(task.result_connection)
      note(
        path,
        'result_connection',
        task.result_connection,
        'connection; describe it under "connections" of config.json',
      )
    }
    if (task.result_url !== undefined)
      note(path, 'result_url', '…', 'left out: name a connection instead of a URL with a key')
    if (schedule) settings.schedule = schedule
    for (const [key, value] of Object.entries(task)) noteTaskKey(path, key, value)
    const query = await queryOf(task, path, scope)
    const base = exportName(path.split('+').at(-1) ?? input.fileName)
    const taken = exports.filter(({ name }) => name === base || name.startsWith(`${base}_`)).length
    const name = taken > 0 ? `${base}_${taken + 1}` : base
    return [report.judged({ name, text: exportText(settings, query) }, path)]
  }

  function noteTaskKey(path: string, key: string, value: unknown): void {
    const became = new Map<string, string>(
      Object.entries({
        database: 'left out: name the schema in the query (the tables must be in this warehouse)',
        engine: `left out: the query must be SQL of this warehouse${value === 'hive' ? ', Hive differs most' : ''}`,
        priority: 'left out: exports have no priority',
        retry: 'left out: requests are repeated by themselves',
        job_retry: 'left out: requests are repeated by themselves',
        preview: 'left out: see --dry-run',
        create_table: 'left out: an export makes no table',
        insert_into: 'left out: an export writes no table',
        download_file: 'left out: an export writes no file',
        store_last_results: 'left out: $last_success_time and the table runs take its place',
      }),
    )
    const text = became.get(key)
    if (text !== undefined) note(path, key, value, text)
  }

  async function queryOf(task: Block, path: string, scope: Variables): Promise<string> {
    const given = task['td>']
    const inline = isBlock(given) ? given.data : task.query
    const file = typeof given === 'string' && given !== '' ? given : undefined
    const written =
      typeof inline === 'string' ? inline : file === undefined ? undefined : await input.readQuery(file)
    const query = written === undefined ? undefined : String(scope.fill(written))
    if (file !== undefined)
      note(
        path,
        'td>',
        file,
        query === undefined ? 'the file could not be read: put its query in' : 'the query of the export',
      )
    if (query === undefined)
      return `-- the query of ${file ?? 'the task'} goes here\nselect email from iterable.users where false`
    for (const [found] of query.matchAll(/\$\{[^}]*\}|TD_SCHEDULED_TIME\(\)|\bTD_\w+(?=\()/gi)) {
      const cure = /TD_SCHEDULED_TIME|session_|\$\{/i.test(found)
        ? 'kept: replace it, e.g. by $nominal_time, $previous_nominal_time or $last_success_time'
        : 'kept: a function of Treasure Data, replace it by SQL of this warehouse'
      note(path, 'query', found, cure)
    }
    return query.trim().replace(/;\s*$/, '')
  }

  await visit(root, '', new Variables())
  if (exports.length === 0) note('', input.fileName, '', 'no task with td> and result_settings was found')
  return report.with(exports)
}

type Note = (task: string, setting: string, value: unknown, became: string) => void

function noteExportBlock(own: Block, path: string, scope: Variables, note: Note): void {
  for (const [key, value] of Object.entries(own)) {
    if (key === 'td' && isBlock(value)) continue
    const became = scope.isUsed(key)
      ? `put in where \${${key}} stands`
      : 'ignored: no query and no setting that was taken over names it'
    note(path, `_export.${key}`, value, became)
  }
}

const knownAtTop = new Set(['timezone', 'schedule', '_export'])
const taskKeys = new Set([
  ...[
    'td>',
    '_export',
    'query',
    'database',
    'engine',
    'priority',
    'retry',
    'job_retry',
    'preview',
    'create_table',
  ],
  ...[
    'insert_into',
    'download_file',
    'store_last_results',
    'result_connection',
    'result_settings',
    'result_url',
  ],
])
const isTaskKey = (key: string): boolean => taskKeys.has(key)

/** Settings under our names, and a note on each. */
function resultSettings(given: unknown, task: string, report: Report): Record<string, unknown> {
  const note = (setting: string, value: unknown, became: string) => report.note(task, setting, value, became)
  if (typeof given !== 'string' && !isBlock(given)) {
    report.refuse(task, 'result_settings', given, 'it is not an object')
    return {}
  }
  const { settings, connection, faults } = sorted(given, task, report)
  for (const { setting, value, reason } of faults) report.refuse(task, setting, value, reason)
  for (const [key, value] of Object.entries(settings))
    if (value !== undefined) note(key, value, `${key} of the export`)
  for (const [key, value] of Object.entries(connection)) {
    const secret = key === 'api_key'
    note(
      key,
      secret ? '…' : value,
      `${key} of the connection${secret ? ': put it into the environment, not into a file' : ' in config.json'}`,
    )
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

/** What cannot be read at all is one fault. */
function sorted(given: string | Block, task: string, report: Report): ReturnType<typeof sortResult> {
  try {
    return sortResult(given)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    report.refuse(task, 'result_settings', '…', messageOf(error))
    return { settings: {}, connection: {}, faults: [] }
  }
}

function exportText(settings: Readonly<Record<string, unknown>>, query: string): string {
  const { action, list_id, connection, ...others } = settings
  const ordered = { action, list_id, ...(connection !== undefined && { connection }), ...others }
  // Quotes, so that a cron expression such as */5 does not end the comment.
  const block = stringify(ordered, {
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
  })
  return `/*\n${block}*/\n${query}\n`
}

/** `+export users` → `export_users`. */
const exportName = (text: string): string =>
  text
    .replace(/^\+/, '')
    .replaceAll(/[^\w-]+/g, '_')
    .replace(/^[_-]+/, '')
    .slice(0, 80) || 'imported'

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}
