/** Every person of a plan as a CSV file. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { csvLine } from '../csv.ts'
import { writingTo } from '../folders.ts'
import type { ChangeReader } from '../index.ts'

const columns = ['action', 'identifier', 'field', 'before', 'after', 'mark'] as const
/** Text gathered before it is written. */
const blockCharacters = 65_536

/**
 * Writes a line per person and changed field; the file is readable by its owner only.
 * @throws ConfigError when the file cannot be written.
 */
export const planFile =
  (path: string): ChangeReader =>
  async (changes) => {
    await writingTo(`--csv: cannot write ${path}`, () =>
      pipeline(linesOf(changes), createWriteStream(path, { mode: 0o600 })),
    )
  }

async function* linesOf(changes: Parameters<ChangeReader>[0]): AsyncGenerator<string> {
  let block = csvLine(columns)
  for await (const change of changes) {
    block += csvLine(columns.map((name) => change[name]))
    if (block.length < blockCharacters) continue
    yield block
    block = ''
  }
  yield block
}
