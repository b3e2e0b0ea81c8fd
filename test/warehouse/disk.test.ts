/** Disks that are full, read-only or damaged: the first cause is told, and nothing is lost or half-written. */
import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, open as openFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { configFor, contentsOf, of, outcome, quickClock, startProject } from '../support/sync.ts'
import { createTestWarehouse } from '../support/warehouse.ts'

/** A small file system of its own, or undefined where this machine lets nobody mount one. */
async function smallDisk(megabytes: number) {
  const path = await mkdtemp(join(tmpdir(), 'elt-disk-'))
  const mount = (options: string) =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'elt-test', path], { stdio: 'pipe' })
  try {
    mount(`size=${megabytes}m`)
  } catch (error) {
    console.warn(`NOT RUN: no file system can be mounted here, so no full disk was tried (${error})`)
    await rm(path, { recursive: true })
    return undefined
  }
  return {
    path,
    change: (options: string) => mount(`remount,${options}`),
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['-l', path])
      await rm(path, { recursive: true })
    },
  }
}

const streams = ['email_send', 'email_open', 'lists']

async function syncTo(sandbox: Sandbox, path: string, spool?: string) {
  const config = configFor(sandbox, { config: { type: 'duckdb', path } }, { sync: { streams }, marts: {} })
  await using elt = await open(
    { ...config, ...(spool && { spool_directory: spool }) },
    { clock: quickClock(sandbox) },
  )
  return await elt.sync()
}

/** There is no report where not even the run could be recorded. */
function toldAsFull(error: unknown): undefined {
  expect(error).toMatchObject({
    code: 'disk_full',
    kind: 'transient',
    message: expect.stringMatching(/the disk is full/),
  })
}

test('a disk that fills up says so, and with room again the tables are what they should be', async () => {
  await using disk = await smallDisk(6)
  if (!disk) return
  await using sandbox = await startProject({ eventsPerDay: 12_000 })
  await using whole = await createTestWarehouse('duckdb')
  await using refilled = await createTestWarehouse('duckdb')
  if (whole.config.type !== 'duckdb' || refilled.config.type !== 'duckdb') return
  const full = await syncTo(sandbox, join(disk.path, 'w.duckdb')).catch(toldAsFull)
  if (full) {
    expect(full.state).toBe('failed')
    for (const { state, error, error_code, error_kind } of full.streams) {
      if (state !== 'failed') continue
      expect(error).toMatch(/the disk is full/)
      expect({ error_code, error_kind }).toEqual({ error_code: 'disk_full', error_kind: 'transient' })
    }
  }
  disk.change('size=200m')
  const again = await syncTo(sandbox, join(disk.path, 'w.duckdb'))
  expect(outcome(again)).toEqual({ state: 'succeeded', wrong: [] })
  await syncTo(sandbox, whole.config.path)
  await copyFile(join(disk.path, 'w.duckdb'), refilled.config.path)
  expect(await contentsOf(refilled)).toEqual(await contentsOf(whole))
})

test('a disk on which no run can be recorded says so', async () => {
  await using disk = await smallDisk(1)
  if (!disk) return
  await using sandbox = await startProject()
  const path = join(disk.path, 'w.duckdb')
  expect(await syncTo(sandbox, path).catch(toldAsFull)).toBeUndefined()
  disk.change('size=40m')
  expect(outcome(await syncTo(sandbox, path))).toEqual({ state: 'succeeded', wrong: [] })
})

test('a spool that fills up says so', async () => {
  await using disk = await smallDisk(1)
  if (!disk) return
  await using sandbox = await startProject({ eventsPerDay: 12_000 })
  await using warehouse = await createTestWarehouse('duckdb')
  if (warehouse.config.type !== 'duckdb') return
  const report = await syncTo(sandbox, warehouse.config.path, disk.path)
  expect(of(report, 'email_send')).toMatchObject({ state: 'failed', error_code: 'disk_full' })
  // They share the disk: another one may find it full as well, and says so.
  expect([null, 'disk_full']).toContain(of(report, 'lists').error_code)
})

test('a file system that is read-only is called so', async () => {
  await using disk = await smallDisk(20)
  if (!disk) return
  await using sandbox = await startProject()
  await mkdir(join(disk.path, 'there'))
  disk.change('ro')
  for (const path of ['w.duckdb', 'there/w.duckdb', 'new/folder/w.duckdb']) {
    const syncing = syncTo(sandbox, join(disk.path, path))
    await expect(syncing, path).rejects.toMatchObject({
      code: 'warehouse_not_writable',
      message: expect.stringMatching(/read-only file system/i),
    })
  }
})

test('a file on a read-only disk can be read, and says so when it is to be written', async () => {
  await using disk = await smallDisk(40)
  if (!disk) return
  await using sandbox = await startProject()
  const path = join(disk.path, 'w.duckdb')
  expect(await syncTo(sandbox, path)).toMatchObject({ state: 'succeeded' })
  disk.change('ro')
  {
    await using elt = await open(configFor(sandbox, { config: { type: 'duckdb', path } }))
    const read = (await elt.streams()).filter(({ rows }) => rows !== null)
    expect(read.map(({ stream }) => stream)).toEqual(streams.toSorted())
    expect(await elt.runs()).toHaveLength(1)
    for await (const row of elt.query('select count(*) > 0 as any from iterable.email_send')) {
      expect(row).toEqual({ any: true })
    }
  }
  await expect(syncTo(sandbox, path)).rejects.toMatchObject({ code: 'warehouse_not_writable' })
})

test('a path in which nothing can be made is refused at once', async () => {
  await using sandbox = await startProject()
  for (const path of ['/proc/x/y/w.duckdb', '/dev/null/w.duckdb']) {
    await expect(syncTo(sandbox, path), path).rejects.toMatchObject({ code: 'warehouse_not_writable' })
  }
})

test('a damaged file is never taken for a good one', async () => {
  await using sandbox = await startProject({ eventsPerDay: 3_000 })
  await using warehouse = await createTestWarehouse('duckdb')
  if (warehouse.config.type !== 'duckdb') return
  const { path } = warehouse.config
  expect(await syncTo(sandbox, path)).toMatchObject({ state: 'succeeded' })
  const good = await contentsOf(warehouse)
  expect(Object.keys(good)).toContain('email_send')
  const { size } = await stat(path)
  await using file = await openFile(path, 'r+')
  // Everything behind the headers, a kilobyte out of every eight.
  for (let at = 3 * 4096; at < size; at += 8_192) await file.write(Buffer.alloc(1024, 0xa5), 0, 1024, at)
  await file.sync()
  sandbox.advance(3_600_000)
  const outcome = await syncTo(sandbox, path).then(
    ({ state, streams: reports }) => ({ state, error: reports.map(({ error }) => error).join(' ') }),
    (error: Error) => ({ state: 'refused', error: error.message }),
  )
  expect(['failed', 'refused']).toContain(outcome.state)
  expect(outcome.error).not.toContain('permissions')
})
