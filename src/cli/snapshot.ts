/** `snapshot`: a consistent copy for those who query all day. */
import type { Command } from 'commander'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { count, size } from './text.ts'

interface SnapshotOptions {
  readonly parquet?: string
  readonly force?: boolean
}

export function snapshotCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('snapshot')
    .description('Copy the warehouse, as of one moment, into a DuckDB file or a folder of Parquet files.')
    .argument('[file]', 'the DuckDB file')
    .option('--parquet <folder>', 'a Parquet file for each stream table and view, there')
    .option('--force', 'replace what is there')
  withExamples(command, 'snapshot copy.duckdb', 'snapshot --parquet parquet --force')
  command.action(action<SnapshotOptions, [string | undefined]>(runtime, runSnapshot))
}

async function runSnapshot(
  { open, terminal, signal }: Context,
  { parquet, force }: SnapshotOptions,
  file: string | undefined,
): Promise<undefined> {
  await using elt = await open()
  const snapshot = await elt.snapshot({
    ...(file !== undefined && { file }),
    ...(parquet !== undefined && { parquet }),
    ...(force !== undefined && { force }),
    signal,
    onWait: (message) => terminal.note(message),
  })
  const { path, bytes, relations } = snapshot
  terminal.outcome(snapshot, { isFine: true }, () =>
    terminal.say(`${path}: ${count(relations.length)} tables and views, ${size(bytes)}`),
  )
}
