/** Files hold rows of people: nobody else reads them, and nothing of a killed process stays. */
import { once } from 'node:events'
import { chmod, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { ChunkWriter } from '../../src/spool/spool.ts'
import { startProgram } from '../support/programs.ts'
import { createTestWarehouse, eachWarehouse } from '../support/warehouse.ts'

let umaskBefore: number
beforeAll(() => {
  umaskBefore = process.umask(0o022)
})
afterAll(() => {
  process.umask(umaskBefore)
})

/** Everything below a folder with its mode. */
async function modesIn(directory: string): Promise<Record<string, string>> {
  const names = await readdir(directory, { recursive: true })
  const modes = names.map(async (path) => {
    // What a program that is at work has for a moment may be gone by now.
    const found = await stat(join(directory, path)).catch(() => undefined)
    return found ? [[path, (found.mode & 0o777).toString(8)] as const] : []
  })
  return Object.fromEntries((await Promise.all(modes)).flat())
}

eachWarehouse('what a command makes is private; what kill -9 leaves is gone after the next', async (test) => {
  const directory = join(test.tempDir, 'own')
  const spoolDirectory = join(directory, 'spool')
  const warehouse =
    test.config.type === 'duckdb'
      ? { ...test.config, path: join(directory, 'warehouse.duckdb') }
      : test.config
  const config = { warehouse, spool_directory: spoolDirectory, exports: { directory: test.tempDir } }
  const configPath = join(test.tempDir, 'config.json')
  await writeFile(configPath, JSON.stringify(config))
  const start = (command: string) =>
    startProgram('src/cli/main.ts', [command, '--config', configPath], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })

  const worker = start('worker')
  await new Promise<void>((resolve, reject) => {
    let said = ''
    worker.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('waiting for what is due')) resolve()
    })
    worker.once('exit', () => reject(new Error(said)))
  })
  const modes = await modesIn(directory)
  expect(Object.values(modes).filter((mode) => mode !== '700' && mode !== '600')).toEqual([])
  const spool = Object.keys(modes).find((path) => /spool-[\w-]+$|-\w+\/spool$/.test(path))
  // As if it were in the middle of a download, and of an export.
  await writeFile(join(directory, spool ?? 'none', '000001.ndjson'), '{"email":"a@x.org"}\n')
  await writeFile(`${join(directory, spool ?? 'none')}-export-x`, 'a@x.org\n')
  worker.kill('SIGKILL')
  await once(worker, 'exit')
  expect(Object.keys(await modesIn(directory)).join()).toContain('000001.ndjson')

  const [code] = await once(start('exports'), 'exit')
  expect(code).toBe(0)
  const left = Object.keys(await modesIn(directory)).filter((path) =>
    /ndjson|-export-|(spool|tmp)-\w+-\d+/.test(path),
  )
  expect(left).toEqual([])
})

test('a library makes private folders and files too, whatever the umask; the file of a user stays as it is', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  const { path } = warehouse.config as { path: string }
  let before: Record<string, string>
  {
    await using elt = await open({ warehouse: warehouse.config, exports: { directory: warehouse.tempDir } })
    await elt.exports()
    const chunks = new ChunkWriter(join(elt.warehouse.spoolDirectory, 'email_open-1'), { marks: [] })
    await chunks.write(Buffer.from('{}\n'))
    await chunks.end()
    await using _lock = await elt.warehouse.lock('sync')
    const { [`${path.slice(warehouse.tempDir.length + 1)}.wal`]: _, ...modes } = await modesIn(
      warehouse.tempDir,
    )
    const open_ = Object.entries(modes).filter(
      ([name, mode]) => mode !== '700' && mode !== '600' && !name.endsWith('.lock'),
    )
    before = modes
    // Locks stand in a folder that nobody else can enter.
    expect(open_).toEqual([])
  }
  // In a container the next process often has the id of the one that was killed; of other machines nothing is known.
  const machine = /spool-([0-9a-f]{8})-/.exec(Object.keys(before).join())?.[1]
  const names = [`spool-${machine}-${process.pid}-999999-export-x`, 'spool-00000000-1-1-export-x']
  for (const name of names) await mkdir(join(`${path}.work`, name))
  await chmod(path, 0o640)
  await using elt = await open({ warehouse: warehouse.config, exports: { directory: warehouse.tempDir } })
  await elt.exports()
  const left = await readdir(`${path}.work`)
  expect(names.filter((name) => left.includes(name))).toEqual([names[1]])
  expect(((await stat(path)).mode & 0o777).toString(8)).toBe('640')
})

test('nobody else can have made the folder of a warehouse that has none beside it', async () => {
  await using warehouse = await createTestWarehouse('duckdb')
  const before = process.env.TMPDIR
  const [temporary, foreign] = [join(warehouse.tempDir, 'tmp'), join(warehouse.tempDir, 'foreign')]
  await mkdir(temporary)
  await mkdir(foreign)
  // As another user of the machine could, who knows the id of the process.
  for (let number = 1; number < 200; number += 1)
    await symlink(foreign, join(temporary, `iterable-elt-${process.pid}-${number}.work`))
  const instance = await DuckDBInstance.create(':memory:')
  process.env.TMPDIR = temporary
  try {
    await using elt = await open({ warehouse: { type: 'duckdb', instance } })
    await elt.exports()
    expect(await readdir(foreign)).toEqual([])
    const ours = (await readdir(temporary)).filter((name) => name.startsWith('iterable-elt-work-'))
    expect(ours).toHaveLength(1)
    const modes = await modesIn(join(temporary, ours[0] as string))
    expect(new Set(Object.values(modes))).toEqual(new Set(['700']))
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    instance.closeSync()
  }
  expect((await readdir(temporary)).filter((name) => name.startsWith('iterable-elt-work-'))).toEqual([])
})
