/** Completion in the real shells, at the keyboard; and what the program proposes for lines that are hard to read. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { wordsOf } from '../../src/command-line.ts'
import { programPath } from '../support/programs.ts'
import { startCommandInTerminal } from '../support/terminal.ts'
import { run, runJson, temporaryFolder } from './run.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
  const script = `#!/bin/sh\nexec '${process.execPath}' '${programPath('src/cli/main.ts')}' "$@"\n`
  await mkdir(join(folder.path, 'bin'))
  await writeFile(join(folder.path, 'bin/iterable-elt'), script)
  await chmod(join(folder.path, 'bin/iterable-elt'), 0o755)
  await mkdir(join(folder.path, 'exports'))
  for (const name of ['vip', 'winback']) await writeFile(join(folder.path, `exports/${name}.sql`), 'select 1')
  const config = `{ // a comment
    "warehouse": { "type": "duckdb", "path": "w.duckdb" }, "exports": { "directory": "exports" },
    "connections": { "shop": { "api_key": "\${NOT_SET}" }, "blog": { "api_key": "\${NOT_SET}" } } }`
  await writeFile(join(folder.path, 'config.json'), config)
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const { stdout } = await run(['completion', shell], { cwd: folder.path })
    await writeFile(join(folder.path, `completion.${shell}`), stdout)
  }
})
afterAll(() => folder[Symbol.asyncDispose]())

test('with --json the script stands in a document, as the result of any command', async () => {
  const { stdout: script } = await run(['completion', 'fish'], { cwd: folder.path })
  const { document } = await runJson(['completion', 'fish'], { cwd: folder.path })
  expect(document).toEqual({ shell: 'fish', script })
})

/** Shells of the machine, without anything of the person who uses it. */
const shells = {
  bash: { command: ['bash', '--norc', '--noprofile', '-i'], tab: '\t\t' },
  zsh: { command: ['zsh', '--no-rcs', '-i'], tab: '\t' },
  fish: { command: ['fish', '--no-config', '-i'], tab: '\t' },
} as const

test.each(['bash', 'zsh', 'fish'] as const)(
  '%s completes commands, options, values and names',
  async (shell) => {
    const { command, tab } = shells[shell]
    await using terminal = startCommandInTerminal(command, {
      cwd: folder.path,
      columns: 150,
      env: { PATH: `${join(folder.path, 'bin')}${delimiter}${process.env.PATH}` },
    })
    const ready = shell === 'fish' ? 'echo rea""dy' : "echo rea''dy"
    terminal.type(`. ./completion.${shell}; ${ready}\r`)
    await terminal.shows(/^ready$/m)
    const completed = async (typed: string, shown: RegExp) => {
      terminal.type(`${typed}${tab}`)
      await terminal.shows(shown)
      // Ctrl-U takes the line away.
      terminal.type('\u0015')
    }
    await completed('iterable-elt sched', /iterable-elt schedule/)
    await completed('iterable-elt schedule pau', /iterable-elt schedule pause/)
    await completed('iterable-elt schedule pause w', /schedule pause winback/)
    await completed('iterable-elt sync email_uns', /sync email_unsubscribe/)
    await completed('iterable-elt sync --full', /sync --full-refresh/)
    await completed('iterable-elt --log-format j', /--log-format json/)
    await completed('iterable-elt lists --connection=b', /--connection=blog/)
    await completed('iterable-elt sql --file exports/v', /--file exports\/vip\.sql/)
    await completed('iterable-elt runs ', /approve[\s\S]*cancel/)
  },
)

/** What bash is told. */
const proposed = async (line: string) =>
  (await run(['complete', 'bash', line], { cwd: folder.path })).stdout.split('\n').filter(Boolean)

test('what comes next depends on what stands before', async () => {
  expect(await proposed('iterable-elt export ')).toEqual(['vip', 'winback'])
  expect(await proposed('iterable-elt export vip ')).toContain('--dry-run')
  expect(await proposed('iterable-elt export --dry-run v')).toEqual(['vip'])
  expect(await proposed('iterable-elt rejects --stream email_op')).toEqual(['email_open'])
  expect(await proposed(`iterable-elt --config ${folder.path}/none/config.json export `)).toEqual([])
  expect(await proposed('iterable-elt schedule next --dialect ')).toEqual(['treasuredata', 'standard'])
  expect(await proposed("iterable-elt sync 'email_o")).toEqual(['email_open'])
  expect(await proposed('iterable-elt sync -- --')).toEqual([])
  expect(await proposed('iterable-elt ')).toEqual(expect.arrayContaining(['sync', 'export', 'completion']))
  expect(await proposed('iterable-elt ')).not.toContain('complete')
})

test('words are those of the shell', () => {
  expect(wordsOf('elt sync ')).toEqual(['elt', 'sync', ''])
  expect(wordsOf(`elt "a b"'c' d\\ e "f\\"`)).toEqual(['elt', 'a bc', 'd e', 'f"'])
  expect(wordsOf('')).toEqual([''])
})
