/** Those who only read a DuckDB warehouse: beside other readers, a writer, and what a writer left that was killed. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { holdFile } from '../support/processes.ts'
import { configFor, run, runJson, temporaryFolder, writeConfig } from './run.ts'

const commands = [['status'], ['streams'], ['runs'], ['rejects'], ['sql', 'select 1 as one']]

let sandbox: Sandbox
beforeAll(async () => {
  const until = new Date(Date.now() - 600_000)
  sandbox = await startSandbox({ until, now: until, days: 2, users: 5, eventsPerDay: 10, rateLimits: false })
})
afterAll(() => sandbox.close())

async function warehouse() {
  const folder = await temporaryFolder()
  await writeConfig(folder.path, configFor(sandbox, { type: 'duckdb', path: 'w.duckdb' }, { days: 2 }))
  expect((await runJson(['sync', 'lists'], { cwd: folder.path })).exitCode).toBe(0)
  return { ...folder, file: join(folder.path, 'w.duckdb') }
}

test('are not kept waiting by each other', async () => {
  await using folder = await warehouse()
  await using _reader = await holdFile(folder.file, 'read')
  for (const command of commands) {
    expect(await run(command, { cwd: folder.path }), command[0]).toMatchObject({
      exitCode: 0,
      stderr: expect.not.stringContaining('waiting'),
    })
  }
})

test('are told at once who holds the file to write, and read when it is free', async () => {
  await using folder = await warehouse()
  for (const command of commands) {
    const writer = await holdFile(folder.file)
    const reading = run(command, {
      cwd: folder.path,
      onNote: (text) => {
        if (text.includes('in use')) void writer[Symbol.asyncDispose]()
      },
    })
    const { exitCode, stderr } = await reading
    expect({ exitCode, stderr }, command[0]).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(
        new RegExp(`w.duckdb is in use by process ${writer.pid}; waiting for it`),
      ),
    })
  }
})

test('see what a writer had committed that was killed', async () => {
  await using folder = await warehouse()
  const writer = await holdFile(folder.file)
  await writer.kill()
  const { exitCode, document } = await runJson(['streams'], { cwd: folder.path })
  expect(exitCode).toBe(0)
  expect(document.streams.find(({ stream }: { stream: string }) => stream === 'lists').rows).toBeGreaterThan(
    0,
  )
  const notes = await runJson(['sql', 'select note from main.notes'], { cwd: folder.path })
  expect(notes.document).toEqual([{ note: 1 }])
})
