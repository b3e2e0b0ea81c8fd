import { IterableClient } from '@iterable/api'
import { describe, expect, it } from 'vitest'
import type { FaultKind, Sandbox, SandboxOptions } from '../../src/sandbox/index.ts'
import { ask, withSandbox } from './ask.ts'

const format = 'application/x-json-stream'

/** A sandbox whose jobs work for 100 ms of a clock that the test moves, and Iterable's own client on it. */
const withJobs = (
  options: SandboxOptions,
  test: (sandbox: Sandbox, client: IterableClient, pass: (ms: number) => void) => Promise<void>,
): Promise<void> => {
  let at = 0
  return withSandbox({ jobMs: 100, jobFileBytes: 300_000, clock: () => at, ...options }, async (sandbox) => {
    const client = new IterableClient({ apiKey: sandbox.keys.server, baseUrl: sandbox.url })
    await test(sandbox, client, (ms) => {
      at += ms
    })
    client.destroy()
  })
}

const start = async (client: IterableClient): Promise<number> =>
  (await client.startExportJob({ dataTypeName: 'emailSend', outputFormat: format })).jobId

const stateOf = async (sandbox: Sandbox, jobId: number): Promise<string> =>
  String((await ask(sandbox, `/api/export/${jobId}/files`)).json().jobState)

const order = (sandbox: Sandbox, fault: FaultKind) =>
  sandbox.faults.next({ path: '/api/export/start', body: { dataTypeName: 'emailSend' }, fault })

describe('jobs', () => {
  it('wait for one of four slots, work, and leave files while they do', () =>
    withJobs({}, async (sandbox, client, pass) => {
      const ids = []
      for (let count = 0; count < 5; count++) ids.push(await start(client))
      pass(50)
      const waiting = (await client.getExportJobs({ jobState: 'enqueued' })).jobs
      expect(waiting.map(({ id }) => id)).toEqual([ids[4]])
      const half = await client.getExportFiles({ jobId: ids[0]! })
      expect([half.jobState, half.files.length > 0]).toEqual(['running', true])
      await client.cancelExportJob({ jobId: ids[4]! })
      expect(await stateOf(sandbox, ids[4]!)).toBe('cancelled')
      pass(50)
      const whole = await client.getExportFiles({ jobId: ids[0]! })
      expect([whole.jobState, whole.files.length > half.files.length]).toEqual(['completed', true])
      await expect(client.cancelExportJob({ jobId: ids[0]! })).rejects.toMatchObject({ statusCode: 400 })
    }))

  it.each([
    ['job-failed', 'failed'],
    ['job-cancelled', 'cancelled'],
  ] as const)('end as %s orders it, one job only', (fault, state) =>
    withJobs({}, async (sandbox, client, pass) => {
      order(sandbox, fault)
      const [first, second] = [await start(client), await start(client)]
      pass(100)
      expect([await stateOf(sandbox, first), await stateOf(sandbox, second)]).toEqual([state, 'completed'])
    }),
  )

  it('go back into the queue, list files twice, or stand still', () =>
    withJobs({}, async (sandbox, client, pass) => {
      for (const fault of ['job-restarted', 'file-twice', 'job-stuck'] as const) order(sandbox, fault)
      const [back, twice, stuck] = [await start(client), await start(client), await start(client)]
      const states = []
      for (const step of [0, 50, 20, 20, 10]) {
        pass(step)
        states.push(await stateOf(sandbox, back))
      }
      expect(states).toEqual(['enqueued', 'running', 'enqueued', 'running', 'completed'])
      const names = (await client.getExportFiles({ jobId: twice })).files.map(({ file }) => file)
      expect(names.length).toBe(2 * new Set(names).size)
      expect(await stateOf(sandbox, stuck)).toBe('running')
    }))

  it('say that they are cut off where they would bring too much', () =>
    withJobs({ jobMs: 0, jobFileBytes: 100_000, jobMaxBytes: 150_000 }, async (sandbox, client) => {
      const { files, exportTruncated } = await client.getExportFiles({ jobId: await start(client) })
      expect([files.length, exportTruncated]).toEqual([2, true])
      order(sandbox, 'job-truncated')
      expect(await client.getExportFiles({ jobId: await start(client) })).toMatchObject({
        exportTruncated: true,
      })
    }))

  it('give links that take no key, and no other sign than their own', () =>
    withJobs({ jobMs: 0, linkMs: 50 }, async (sandbox, client, pass) => {
      const { files } = await client.getExportFiles({ jobId: await start(client) })
      const url = files[0]!.url
      const withKey = await fetch(url, { headers: { 'Api-Key': sandbox.keys.server } })
      expect([withKey.status, await withKey.text()]).toEqual([
        400,
        expect.stringContaining('InvalidArgument'),
      ])
      const alone = await fetch(url)
      const text = await alone.text()
      expect(alone.headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
      pass(60)
      expect(await (await fetch(url)).text()).toContain('Request has expired')
    }))

  it('are there although the answer to their start was lost', () =>
    withJobs({ jobMs: 0 }, async (sandbox, client) => {
      sandbox.faults.next({ path: '/api/export/start', fault: 'lost-answer' })
      await expect(start(client)).rejects.toThrow()
      expect((await client.getExportJobs()).jobs).toMatchObject([{ dataTypeName: 'emailSend' }])
    }))
})
