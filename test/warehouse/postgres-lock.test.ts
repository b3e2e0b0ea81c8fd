import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test, vi } from 'vitest'
import { openPostgres } from '../../src/warehouse/postgres/warehouse.ts'
import { lockStreams } from '../../src/warehouse/stream-locks.ts'
import { eventLine, loadLines, openFixture } from './postgres-fixture.ts'

test('a job has one holder, in any process; the holder is named', async () => {
  await using fixture = await openFixture()
  await using other = await openPostgres({ source: { url: fixture.url }, schema: 'iterable' })
  {
    await using lock = await fixture.warehouse.lock('sync')
    expect(lock).toBeDefined()
    await expect(other.lock('sync')).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(
        `iterable-elt sync, process ${process.pid} on ${hostname()}`.slice(0, 63),
      ),
    })
    await using export_ = await other.lock('export:vip')
    expect(export_).toBeDefined()
  }
  await using lock = await other.lock('sync')
  expect(lock).toBeDefined()
})

test('two schemas of one database are two warehouses', async () => {
  await using fixture = await openFixture()
  await using other = await openPostgres({ source: { url: fixture.url }, schema: 'second' })
  await using one = await fixture.warehouse.lock('sync')
  await using two = await other.lock('sync')
  expect([one, two]).toHaveLength(2)
})

test('after kill -9 of the holder the next one has it at once, and finds nothing of its files', async () => {
  await using fixture = await openFixture()
  const spoolDirectory = await mkdtemp(join(tmpdir(), 'elt-lock-'))
  const holder = await startHolder(fixture.url, spoolDirectory)
  await expect(fixture.warehouse.lock('sync')).rejects.toThrow(`process ${holder.pid}`)
  expect(await readdir(spoolDirectory)).toHaveLength(1)
  const exited = once(holder, 'exit')
  holder.kill('SIGKILL')
  await exited
  await using lock = await vi.waitFor(() => fixture.warehouse.lock('sync'), { timeout: 20_000, interval: 50 })
  expect(lock).toBeDefined()
  {
    await using next = await openPostgres({
      source: { url: fixture.url },
      schema: 'iterable',
      spoolDirectory,
    })
    const found = await readdir(spoolDirectory)
    expect(found).toHaveLength(1)
    expect(next.spoolDirectory).toContain(found[0])
  }
  expect(await readdir(spoolDirectory)).toEqual([])
  await rm(spoolDirectory, { recursive: true })
})

test('a lock whose connection was ended is taken again; where another was quicker, work stops', async () => {
  await using fixture = await openFixture()
  await using lock = await fixture.warehouse.lock('sync')
  expect(lock).toBeDefined()
  const endLocks = () =>
    fixture.query(
      `select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name like 'iterable-elt sync%' and datname = current_database()`,
    )
  await using other = await openPostgres({ source: { url: fixture.url }, schema: 'iterable' })
  await endLocks()
  await loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 1 })])
  await expect(other.lock('sync')).rejects.toMatchObject({ code: 'locked' })

  await endLocks()
  await using taken = await other.lock('sync')
  expect(taken).toBeDefined()
  await expect(loadLines(fixture.warehouse, 'email_open', [eventLine({ n: 2 })])).rejects.toMatchObject({
    code: 'locked',
  })
  expect(await fixture.query('select n::int from iterable.email_open')).toEqual([{ n: 1 }])
})

describe('locks of streams', () => {
  const openShared = (url: string) => openPostgres({ source: { url }, schema: 'iterable', sharesSyncs: true })

  test('have one holder each, and whoever must be alone is refused, and refuses', async () => {
    await using fixture = await openFixture()
    await using one = await openShared(fixture.url)
    await using other = await openShared(fixture.url)
    {
      await using first = await lockStreams(one, ['a', 'b'], 'run 1')
      expect(await first.hasCompany()).toBe(false)
      await using second = await lockStreams(other, ['b', 'c'], 'run 2')
      expect([...first.heldBy.keys(), ...second.heldBy.keys()]).toEqual(['b'])
      expect(second.heldBy.get('b')).toContain(`process ${process.pid} on `)
      expect([await first.hasCompany(), await second.hasCompany()]).toEqual([true, true])
      expect([await second.isAtWork('run 1'), await second.isAtWork('run 3')]).toEqual([true, false])
      await expect(lockStreams(other, ['a', 'c'], 'run 3')).rejects.toMatchObject({ code: 'locked' })
      await expect(other.lock('sync')).rejects.toMatchObject({ code: 'locked' })
    }
    await using alone = await other.lock('sync')
    expect(alone).toBeDefined()
    await expect(lockStreams(one, ['a'], 'run 4')).rejects.toMatchObject({ code: 'locked' })
  })

  test('give each the turn, one after the other; whoever is to stop does not wait', async () => {
    await using fixture = await openFixture()
    await using warehouse = await openShared(fixture.url)
    await using first = await lockStreams(warehouse, ['a'], 'run 1')
    await using second = await lockStreams(warehouse, ['b'], 'run 2')
    const order: string[] = []
    const stop = new AbortController()
    const quietly = { signal: stop.signal, onWait: () => {} }
    let heard = () => {}
    const waiting = new Promise<void>((resolve) => {
      heard = resolve
    })
    let next: Promise<unknown> | undefined
    await first.inTurn(async () => {
      next = second.inTurn(async () => order.push('second'), { signal: stop.signal, onWait: heard })
      await waiting
      order.push('first')
    }, quietly)
    await next
    expect(order).toEqual(['first', 'second'])
    await first.inTurn(async () => {
      stop.abort()
      await second.inTurn(async () => order.push('stopped'), quietly)
    }, quietly)
    expect(order.at(-1)).toBe('stopped')
  })

  test('are taken again when their connection was ended; where another was quicker, work stops', async () => {
    await using fixture = await openFixture()
    await using warehouse = await openShared(fixture.url)
    await using other = await openShared(fixture.url)
    await using locks = await lockStreams(warehouse, ['a', 'b'], 'run 1')
    const endLocks = () =>
      fixture.query(
        `select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name like 'iterable-elt sync%' and datname = current_database()`,
      )
    await endLocks()
    await warehouse.use(async () => {})
    await expect(lockStreams(other, ['b'], 'run 2')).rejects.toMatchObject({ code: 'locked' })
    await endLocks()
    await using taken = await lockStreams(other, ['b'], 'run 2')
    expect(taken.heldBy.size).toBe(0)
    await expect(warehouse.use(async () => {})).rejects.toMatchObject({ code: 'locked' })
    expect(locks.heldBy.size).toBe(0)
  })
})

test('two loads of one window at once leave one copy of it, also without the lock', async () => {
  await using fixture = await openFixture()
  await using other = await openPostgres({ source: { url: fixture.url }, schema: 'iterable' })
  const lines = [eventLine({ n: 1 }), eventLine({ n: 2 })]
  await loadLines(fixture.warehouse, 'email_open', lines)
  let second: Promise<unknown> | undefined
  await loadLines(fixture.warehouse, 'email_open', lines, {
    beforeCommit: async () => {
      second ??= loadLines(other, 'email_open', lines)
      await new Promise((resolve) => setTimeout(resolve, 500))
    },
  })
  await second
  expect(await fixture.query('select n::int from iterable.email_open order by n')).toEqual([
    { n: 1 },
    { n: 2 },
  ])
})

/** Another process that holds the lock of `sync` until it is killed. */
async function startHolder(url: string, spoolDirectory: string): Promise<ChildProcess> {
  const module = new URL('../../src/warehouse/postgres/warehouse.ts', import.meta.url).href
  const program = `
    import { openPostgres } from ${JSON.stringify(module)}
    const warehouse = await openPostgres({ source: { url: process.argv[1] }, schema: 'iterable', spoolDirectory: process.argv[2] })
    globalThis.lock = await warehouse.lock('sync')
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program, url, spoolDirectory],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  await once(createInterface(child.stdout), 'line')
  return child
}
