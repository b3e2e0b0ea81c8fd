import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { often } from '../support/often.ts'
import { startProgram } from '../support/programs.ts'
import { exportTest, type Fixture } from './support.ts'

/** Starts the export in a process of its own. */
function start({ elt, warehouse }: Fixture, name: string): ChildProcess {
  const { connections, exports } = elt.config
  const { rate_limits: _, timeouts: _t, ...iterable } = connections.iterable ?? {}
  const config = {
    warehouse: warehouse.config,
    connections: { iterable: { ...iterable, rate_limits: 'off' } },
    exports,
  }
  return startProgram('test/export/child.ts', [JSON.stringify(config), name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

const ended = (child: ChildProcess) => new Promise<void>((resolve) => child.once('close', () => resolve()))

const query = "select email, score, repeat('x', 200) as pad from iterable.people"
const batches = 50

exportTest(
  'killed at many points, a run of 50 batches goes on without its query, and no acknowledged batch is sent twice',
  async (fixture) => {
    const { elt, save, run, sandbox, members, warehouse } = fixture
    await run(
      `create table iterable.people as select 'p' || n || '@x.org' as email, n as score from generate_series(1, ${batches * 1_000}) as g(n)`,
    )
    await save('vip', { action: 'mirror' }, query)
    const resentAllowed = new Set<string>()
    let acked = new Set<string>()
    let isFrozen = false
    for (const writesBeforeKill of often([0, 1, 9, 20, 40], [...Array(45).keys()])) {
      const child = start(fixture, 'vip')
      const exit = ended(child)
      while (sandbox.writes.length < writesBeforeKill && child.exitCode === null) await delay(2)
      if (writesBeforeKill === 0) await delay(600)
      child.kill('SIGKILL')
      await exit
      const outbox = await warehouse
        .query('select body_sha256, state from iterable_sync.batches')
        .catch(() => [])
      isFrozen ||= outbox.length > 0
      // The query can give nothing any more: what is sent from now on is the frozen plan.
      if (isFrozen) await run('delete from iterable.people')
      acked = new Set(outbox.filter(({ state }) => state === 'acked').map((row) => String(row.body_sha256)))
      for (const { body_sha256, state } of outbox)
        if (state === 'in_flight') resentAllowed.add(String(body_sha256))
      // From here on, what was acknowledged must not come again.
      const seen = new Set(sandbox.writes.map(({ hash }) => hash))
      for (const hash of acked) expect(seen.has(hash)).toBe(true)
    }
    const before = sandbox.writes.length
    const report = await elt.export('vip')
    expect(report).toMatchObject({ state: 'succeeded', sent: batches * 1_000, rejected: 0, batches })
    expect(members()).toHaveLength(batches * 1_000)
    for (const { hash } of sandbox.writes.slice(before)) expect(acked.has(hash)).toBe(false)
    const times = new Map<string, number>()
    for (const { hash } of sandbox.writes) times.set(hash, (times.get(hash) ?? 0) + 1)
    expect(times.size).toBe(batches)
    for (const [hash, count] of times) if (count > 1) expect(resentAllowed.has(hash)).toBe(true)
    const [managed] = await warehouse.query(
      'select count(*) as n, count(distinct member_key) as d from iterable_sync.members',
    )
    expect(managed).toEqual({ n: batches * 1_000, d: batches * 1_000 })
    const runs = await warehouse.query("select state from iterable_sync.runs where state = 'succeeded'")
    expect(runs).toHaveLength(1)
  },
  { latencyMs: 25, timeoutMs: often(300_000, 1_800_000) },
)

exportTest(
  'two processes at once: one sends, the other is told who does',
  async (fixture) => {
    const { save, sandbox, members, elt } = fixture
    await save(
      'vip',
      { action: 'add' },
      "select 'p' || n || '@x.org' as email from generate_series(1, 24000) as g(n)",
    )
    const child = start(fixture, 'vip')
    const exit = ended(child)
    while (sandbox.writes.length === 0 && child.exitCode === null) await delay(2)
    await expect(elt.export('vip')).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining('list 5001'),
    })
    await exit
    expect(child.exitCode).toBe(0)
    expect(members()).toHaveLength(24_000)
    expect(sandbox.writes).toHaveLength(24)
  },
  { latencyMs: 400, timeoutMs: 300_000 },
)

exportTest(
  'a run that somebody cancels stops at its next commit',
  async (fixture) => {
    const { save, sandbox, warehouse, elt } = fixture
    await save(
      'vip',
      { action: 'add' },
      "select 'p' || n || '@x.org' as email from generate_series(1, 24000) as g(n)",
    )
    const child = start(fixture, 'vip')
    const output: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk))
    const exit = ended(child)
    while (sandbox.writes.length === 0 && child.exitCode === null) await delay(2)
    let runId = ''
    while (runId === '') {
      // A DuckDB file may be held for a moment.
      const [row] = await elt.warehouse.use(({ db }) => db.selectFrom('runs').select('run_id').execute())
      runId = row?.run_id ?? ''
    }
    await elt.cancel(runId)
    await exit
    expect(JSON.parse(Buffer.concat(output).toString())).toMatchObject({
      state: 'cancelled',
      error_code: 'lease_lost',
    })
    expect(sandbox.writes.length).toBeLessThan(24)
    expect(await warehouse.query('select state from iterable_sync.runs')).toEqual([{ state: 'cancelled' }])
  },
  { latencyMs: 600, timeoutMs: 300_000 },
)

exportTest(
  'what was answered before a kill is not sent again, however few answers there were',
  async (fixture) => {
    const { save, sandbox, warehouse, elt, members } = fixture
    await save(
      'vip',
      { action: 'add' },
      "select 'p' || n || '@x.org' as email from generate_series(1, 12000) as g(n)",
    )
    // Three answers come, and then none: the requests behind them hang.
    const path = '/api/lists/subscribe'
    sandbox.faults.next({ fault: 'stall', skip: 3, times: Number.POSITIVE_INFINITY, path })
    const child = start(fixture, 'vip')
    const exit = ended(child)
    const acked = async () =>
      (
        await warehouse
          .query("select body_sha256 from iterable_sync.batches where state = 'acked'")
          .catch(() => [])
      ).map((row) => String(row.body_sha256))
    await expect.poll(acked).toHaveLength(3)
    const answered = await acked()
    child.kill('SIGKILL')
    await exit
    sandbox.faults.clear()
    const before = sandbox.writes.length
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded', sent: 12_000 })
    expect(members()).toHaveLength(12_000)
    for (const { hash } of sandbox.writes.slice(before)) expect(answered).not.toContain(hash)
  },
  { timeoutMs: 300_000 },
)
