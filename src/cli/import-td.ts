/** `import-td`: Treasure Data's settings and workflows → export files. */
import { access, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { ConfigError, exitCodes, messageOf } from '../errors.ts'
import { makeFolder, writingTo } from '../folders.ts'
import { action, type Context, type Runtime, withExamples } from './command.ts'
import { counted, oneLine, table } from './text.ts'

interface ImportOptions {
  readonly directory?: string
}

export function importTdCommand(program: Command, runtime: Runtime): void {
  const command = program
    .command('import-td')
    .description('Turn a Treasure Data --result JSON or a digdag workflow into saved exports.')
    .argument('<file>', 'a .dig workflow, or a file with result settings')
    .option('--directory <folder>', "where the exports go (default: the configuration's exports.directory)")
  withExamples(command, 'import-td export.dig', 'import-td result.json --directory sql/exports')
  command.action(action<ImportOptions, [string]>(runtime, runImport))
}

async function runImport(context: Context, options: ImportOptions, file: string): Promise<number> {
  const { terminal } = context
  const { importTd } = await import('../export/treasure-data/import.ts')
  const directory = await directoryOf(context, options)
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new ConfigError(`cannot read ${file}: ${messageOf(error)}`, { code: 'usage', cause: error })
  })
  const { exports, report, faults } = await importTd({
    text,
    fileName: basename(file),
    readQuery: (path) => readFile(resolve(dirname(file), path), 'utf8').catch(() => undefined),
  })
  const files: { name: string; file: string; written: boolean }[] = []
  await writingTo(`cannot write to ${directory}`, async () => {
    await makeFolder(directory)
    for (const { name, text: content } of exports) {
      const target = join(directory, `${name}.sql`)
      const exists = await access(target).then(
        () => true,
        () => false,
      )
      if (!exists) await writeFile(target, content)
      files.push({ name, file: target, written: !exists })
    }
  })
  terminal.result({ exports: files, report, faults }, () => {
    for (const one of files)
      terminal.say(one.written ? `wrote ${one.file}` : `kept ${one.file}, which exists already`)
    const rows = report.map(({ task, setting, value, became }) => [
      task,
      setting,
      oneLine(value, 40),
      oneLine(became, 90),
    ])
    terminal.say(`\n${table(['task', 'setting', 'value', 'what became of it'], rows)}`)
    if (faults > 0) terminal.say(`\n${counted(faults, 'fault')}: correct the exports before they run`)
  })
  return faults > 0 ? exitCodes.usage : exitCodes.success
}

/** Works without a configuration too. */
async function directoryOf({ load, configPath }: Context, { directory }: ImportOptions): Promise<string> {
  if (directory !== undefined) return resolve(directory)
  const isThere = await access(configPath).then(
    () => true,
    () => false,
  )
  return isThere ? (await load()).config.exports.directory : resolve('sql/exports')
}
