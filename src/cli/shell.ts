/** `sql` without a query, at a terminal: one statement after the other, with history and names completed. */
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { InterruptedError, messageOf } from '../errors.ts'
import { makeFolder } from '../folders.ts'
import type { Elt } from '../index.ts'
import { nearest } from '../nearest.ts'
import { literal } from '../warehouse/sql.ts'
import type { Context } from './command.ts'
import { type Format, formats, writeResultRows } from './rows.ts'

const prompts = { first: 'sql> ', more: '...> ' } as const
const historyLines = 1_000

const help = `A statement ends with a semicolon, on as many lines as it takes; only one that reads is run.
  .tables           the tables and views
  .schema NAME      the columns of one
  .format FORMAT    how rows are written: ${formats.join(', ')}
  .help             this
  .quit             the end, as Ctrl-D; Ctrl-C stops a query, or forgets what was typed`

/** Reads statements until the end of the input. */
export async function runShell(elt: Elt, context: Context, format: Format): Promise<void> {
  const file = historyFile(context.env)
  const shell = new Shell(elt, context, { format, history: await readHistory(file) })
  try {
    await shell.run()
  } finally {
    await writeHistory(file, shell.history)
  }
}

interface ShellOptions {
  readonly format: Format
  /** Lines of earlier sessions, the newest first. */
  readonly history: readonly string[]
}

class Shell {
  readonly #elt: Elt
  readonly #context: Context
  readonly #lines: Interface
  readonly #names: Promise<readonly string[]>
  history: readonly string[]
  #format: Format
  #typed = ''
  /** Ends the query that runs. */
  #running: AbortController | undefined

  constructor(elt: Elt, context: Context, { format, history }: ShellOptions) {
    this.#elt = elt
    this.#context = context
    this.#format = format
    this.history = history
    this.#names = namesIn(elt)
    this.#lines = createInterface({
      input: context.stdin,
      output: context.terminal.noteStream,
      history: [...history],
      historySize: historyLines,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, found: [string[], string]) => void) => {
        this.#names.then((names) => done(null, completionsOf(line, names)))
      },
    })
  }

  async run(): Promise<void> {
    const { terminal, signal } = this.#context
    this.#lines.on('SIGINT', () => this.#interrupt())
    this.#lines.on('history', (lines: readonly string[]) => {
      this.history = [...lines]
    })
    const end = () => this.#lines.close()
    signal.addEventListener('abort', end)
    terminal.warn('Statements end with a semicolon; .help says more, Ctrl-D ends.')
    this.#prompt()
    try {
      for await (const line of this.#lines) {
        if (!(await this.#take(line))) break
        this.#prompt()
      }
    } finally {
      signal.removeEventListener('abort', end)
      this.#lines.close()
    }
    terminal.warn('')
  }

  #prompt(): void {
    this.#lines.setPrompt(this.#typed === '' ? prompts.first : prompts.more)
    this.#lines.prompt()
  }

  /** Stops what runs; else forgets what was typed. */
  #interrupt(): void {
    if (this.#running) {
      this.#running.abort()
      return
    }
    this.#typed = ''
    this.#context.terminal.warn('')
    // What stands in the line goes, too.
    this.#lines.write(null, { ctrl: true, name: 'u' })
    this.#lines.write(null, { ctrl: true, name: 'k' })
    this.#prompt()
  }

  /** False at the end. */
  async #take(line: string): Promise<boolean> {
    if (this.#typed === '' && line.trim().startsWith('.')) return this.#command(line.trim())
    this.#typed += this.#typed === '' ? line : `\n${line}`
    if (this.#typed.trim() === '') this.#typed = ''
    if (!/;\s*$/.test(this.#typed)) return true
    const statement = this.#typed
    this.#typed = ''
    await this.#print(statement)
    return true
  }

  async #command(line: string): Promise<boolean> {
    const { terminal } = this.#context
    const [name = '', argument = ''] = line.split(/\s+/, 2)
    switch (name) {
      case '.quit':
      case '.exit':
        return false
      case '.help':
        terminal.warn(help)
        return true
      case '.tables':
        await this.#print(tables)
        return true
      case '.schema':
        await this.#print(columnsOf(argument))
        return true
      case '.format':
        this.#setFormat(argument)
        return true
      default: {
        const near = nearest(name, commands)
        terminal.warn(`there is no ${name}${near ? `; did you mean ${near}?` : ''} .help lists what there is`)
        return true
      }
    }
  }

  #setFormat(wanted: string): void {
    const format = formats.find((one) => one === wanted)
    if (format) this.#format = format
    else this.#context.terminal.warn(`.format is one of ${formats.join(', ')}`)
  }

  async #print(statement: string): Promise<void> {
    const { terminal, signal } = this.#context
    const running = new AbortController()
    this.#running = running
    try {
      const printed = this.#elt.print(statement, { signal: AbortSignal.any([signal, running.signal]) })
      await writeResultRows(printed, this.#format, terminal)
    } catch (error) {
      terminal.warn(error instanceof InterruptedError ? 'stopped' : `error: ${messageOf(error)}`)
    } finally {
      this.#running = undefined
    }
  }
}

const commands = ['.tables', '.schema', '.format', '.help', '.quit', '.exit']

/** Parts of tables of Postgres are read through their tables. */
const isOfUsers =
  "table_schema not in ('information_schema', 'pg_catalog') and right(table_schema, 11) <> '_partitions'"

const tables = `select table_schema || '.' || table_name as "table", lower(table_type) as kind
  from information_schema.tables where ${isOfUsers} order by 1`

/** `schema.table`, or a table of any schema. */
function columnsOf(name: string): string {
  const [table = '', schema] = name.split('.').toReversed()
  const ofSchema = schema === undefined ? '' : ` and table_schema = ${literal(schema)}`
  return `select table_schema || '.' || table_name as "table", column_name as "column", data_type as type
    from information_schema.columns where ${isOfUsers} and table_name = ${literal(table)}${ofSchema}
    order by table_schema, ordinal_position`
}

/** Schemas with their tables, tables, and columns; none where they cannot be read. */
async function namesIn(elt: Elt): Promise<readonly string[]> {
  const names = new Set<string>()
  try {
    const text = `select table_schema, table_name, column_name from information_schema.columns where ${isOfUsers}`
    for await (const { rows } of elt.print(text)) {
      for (const [schema, table, column] of rows) {
        names.add(`${schema}.${table}`)
        if (column) names.add(column)
      }
    }
  } catch {
    // Nothing is completed then; the first query says why.
  }
  return [...names].sort()
}

/** What the word before the cursor may become. */
function completionsOf(line: string, names: readonly string[]): [string[], string] {
  const word = /[\w.]*$/.exec(line)?.[0] ?? ''
  if (word === '') return [[], word]
  const known = word.startsWith('.') && word === line ? commands : names
  return [known.filter((name) => name.toLowerCase().startsWith(word.toLowerCase())), word]
}

/** Where the XDG base directory specification puts what a program remembers. */
const historyFile = ({ XDG_STATE_HOME, HOME }: Context['env']): string | undefined => {
  const folder = XDG_STATE_HOME || (HOME && join(HOME, '.local', 'state'))
  return folder ? join(folder, 'iterable-elt', 'sql_history') : undefined
}

/** Newest first. */
async function readHistory(file: string | undefined): Promise<readonly string[]> {
  const text = file === undefined ? '' : await readFile(file, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, historyLines)
}

/** A history that cannot be kept is not a reason to fail. */
async function writeHistory(file: string | undefined, lines: readonly string[]): Promise<void> {
  if (file === undefined || lines.length === 0) return
  try {
    await makeFolder(dirname(file))
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
  } catch {
    // Read-only home.
  }
}
