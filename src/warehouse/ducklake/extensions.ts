/**
 * DuckDB's extensions for a lake. At each load DuckDB checks the signature of the whole file, which takes a lake's two
 * 0.4 s of CPU time (measured), and a process loads them into an instance for its work, one for names and one for each
 * session that reads. So an instance leaves the check out where another of this process has done it on the very same file.
 */
import { stat } from 'node:fs/promises'
import { type DuckDBConnection, listValue } from '@duckdb/node-api'
import { ConfigError, messageOf } from '../../errors.ts'
import { literal } from '../sql.ts'

interface File {
  readonly path: string
  /** Changes whenever the file does. */
  readonly mark: string
}

/** Files that passed the check in this process, by folder and name. */
const checked = new Map<string, File>()

export class Extensions {
  readonly #names: readonly string[]
  readonly #directory: string | undefined

  /** `directory`: where they are; without it DuckDB fetches what is missing. */
  constructor(names: readonly string[], directory: string | undefined) {
    this.#names = names
    this.#directory = directory
  }

  /** True where an instance may be made that does not check signatures: it loads what was checked before. */
  async areChecked(): Promise<boolean> {
    for (const name of this.#names) {
      const file = checked.get(this.#key(name))
      if (!file || (await markOf(file.path)) !== file.mark) return false
    }
    return true
  }

  /** @throws ConfigError `extension_missing`. */
  async load(connection: DuckDBConnection): Promise<void> {
    if (this.#directory !== undefined)
      await connection.run(`set extension_directory = ${literal(this.#directory)}`)
    // As they are before: what takes their place meanwhile has another mark than what was checked.
    const files = (await this.areChecked()) ? [] : await this.#filesToCheck(connection)
    for (const name of this.#names) await this.#loadOne(connection, name)
    for (const [name, file] of files) checked.set(this.#key(name), file)
  }

  #key(name: string): string {
    return JSON.stringify([this.#directory ?? null, name])
  }

  /** Those that are there, where the instance checks what it loads. */
  async #filesToCheck(connection: DuckDBConnection): Promise<readonly (readonly [string, File])[]> {
    const found = await connection.runAndReadAll(
      `select extension_name, install_path from duckdb_extensions()
       where installed and list_contains($1, extension_name)
         and not current_setting('allow_unsigned_extensions')::boolean`,
      [listValue(this.#names)],
    )
    const files: [string, File][] = []
    for (const [name, path] of found.getRowsJson() as [string, string][]) {
      const mark = await markOf(path)
      if (mark !== undefined) files.push([name, { path, mark }])
    }
    return files
  }

  async #loadOne(connection: DuckDBConnection, name: string): Promise<void> {
    try {
      await connection.run(`load ${name}`)
    } catch (missing) {
      try {
        if (this.#directory !== undefined) throw missing
        await connection.run(`install ${name}`)
        await connection.run(`load ${name}`)
      } catch (error) {
        throw new ConfigError(
          `DuckDB's extension ${name} is not available (${messageOf(error).split('\n')[0]}); let this machine reach extensions.duckdb.org, or name a folder that has it as "warehouse.extension_directory"`,
          { code: 'extension_missing', cause: error },
        )
      }
    }
  }
}

const markOf = async (path: string): Promise<string | undefined> => {
  const found = await stat(path).catch(() => undefined)
  return found && [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' ')
}
