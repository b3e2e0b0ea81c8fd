/** `sql` at a terminal. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { keys, startInTerminal } from '../support/terminal.ts'
import { run, temporaryFolder } from './run.ts'

const config = { connections: {}, warehouse: { type: 'duckdb', path: 'warehouse.duckdb' } } as const

test('statements are typed over lines, names are completed, a query can be stopped, and the lines are remembered', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  await writeFile(join(cwd, 'config.json'), JSON.stringify(config))
  {
    await using elt = await open({
      ...config,
      warehouse: { type: 'duckdb', path: join(cwd, 'warehouse.duckdb') },
    })
    await elt.warehouse.use(async () => {})
  }
  await using shell = startInTerminal('src/cli/main.ts', ['sql'], { cwd, columns: 100 })
  await shell.shows(/^sql> $/m)
  shell.type('select 40 + 2\ras answer;\r')
  await shell.shows(/answer[\s\S]*42[\s\S]*sql> $/)
  shell.type('.tables\r')
  await shell.shows(/iterable_sync\.bookmarks +base table/)
  shell.type('.schema iterable_sync.bookm')
  await shell.shows(/bookm$/)
  shell.type('\t')
  await shell.shows(/sync\.bookmarks$/)
  shell.type('\r')
  await shell.shows(/iterable_sync\.bookmarks +bookmark +timestamp/i)
  shell.type('selec 1;\r')
  await shell.shows(/error: .*selec/)
  shell.type('.quti\r')
  await shell.shows(/there is no \.quti; did you mean \.quit\?/)
  shell.type('.format ndjson\rselect 7 as seven;\r')
  await shell.shows(/\{"seven":7\}/)
  shell.type('select count(*) from range(1000000000000) as t(n) where n % 7 = 3;\r')
  await shell.shows(/n % 7 = 3;/)
  shell.type(keys.interrupt)
  await shell.shows(/stopped\nsql> $/)
  shell.type('select half')
  shell.type(keys.interrupt)
  shell.type('select 1 as whole;\r')
  await shell.shows(/\{"whole":1\}/)
  shell.type('\u0004')
  expect(await shell.ended).toBe(0)
  const history = join(cwd, '.local/state/iterable-elt/sql_history')
  expect((await readFile(history, 'utf8')).split('\n')[0]).toBe('select 1 as whole;')
  expect((await stat(history)).mode & 0o777).toBe(0o600)
  await using again = startInTerminal('src/cli/main.ts', ['sql', '--format', 'csv'], { cwd, columns: 100 })
  await again.shows(/^sql> $/m)
  again.type('\u001b[A\r')
  await again.shows(/select 1 as whole;\n+whole\n1/)
  again.type('.quit\r')
  expect(await again.ended).toBe(0)
})

test('without a terminal a query is expected', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'config.json'), JSON.stringify(config))
  const ended = await run(['sql'], { cwd: folder.path })
  expect(ended.stderr).toMatch(/a query is expected/)
})
