/** A DuckDB of its own for statements that people wrote: the lake and our own tables, attached read-only, and nothing else. */
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { type CutOffOptions, openCutOff, refuseWrongFunctions } from '../duckdb/guard.ts'
import type { Lake } from './lake.ts'

export interface Reader extends AsyncDisposable {
  readonly connection: DuckDBConnection
  /** @throws ConfigError `not_a_select` for what reaches beyond the warehouse. */
  admit(statement: string): Promise<void>
}

export interface ReaderOptions extends Omit<CutOffOptions, 'readableFolder' | 'trustsExtensions'> {
  readonly lake: Lake
  /** Nothing was ever written: there is no lake yet. */
  readonly isEmpty: boolean
}

export async function openReader(options: ReaderOptions): Promise<Reader> {
  const { lake, allowsExternalAccess } = options
  const { connection, close } = await openCutOff(
    {
      ...options,
      directory: join(options.directory, 'reader'),
      readableFolder: lake.dataPath,
      trustsExtensions: await lake.extensions.areChecked(),
    },
    async (opened) => {
      if (options.isEmpty) await opened.run(`attach ':memory:' as warehouse`)
      else {
        await lake.attach(opened, { isReadOnly: true })
        await lake.attachState(opened)
      }
      await opened.run('use warehouse')
    },
  )
  return {
    connection,
    async admit(statement) {
      await refuseWrongFunctions(connection, statement, {
        allowsExternalAccess,
        isLive: false,
        isLake: true,
      })
    },
    async [Symbol.asyncDispose]() {
      close()
    },
  }
}

/** The reader of a session, opened when a statement asks for it: most sessions never do. */
export class OneReader implements AsyncDisposable {
  readonly #open: () => Promise<Reader>
  #reader: Promise<Reader> | undefined

  constructor(open: () => Promise<Reader>) {
    this.#open = open
  }

  get(): Promise<Reader> {
    this.#reader ??= this.#open()
    return this.#reader
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reader = await this.#reader?.catch(() => undefined)
    await reader?.[Symbol.asyncDispose]()
  }
}
