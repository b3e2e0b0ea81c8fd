import fc from 'fast-check'
import { expect } from 'vitest'
import type { FaultRule } from '../../src/sandbox/options.ts'
import { often } from '../support/often.ts'
import { exportTest } from './support.ts'

/** People of one run: who is in the query, with which value. */
const crowd = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
  fc.integer({ min: 0, max: 3 }),
  { maxKeys: 7 },
)

const fault = fc.constantFrom<FaultRule['fault'] | undefined>(
  ...([undefined, undefined, 'lost-answer', '5xx', 'reset', 'drop', '429-bare'] as const),
  { status: 400, body: { msg: 'error.lists.invalidListId(5001)', code: 'Success', params: {} } },
  { status: 401, body: { msg: 'Invalid API key', code: 'BadApiKey', params: null } },
)

const evolution = fc.array(
  fc.record({
    crowd,
    fault,
    times: fc.constantFrom(1, 2, 9),
    skip: fc.nat(2),
    refused: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
    cancels: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
)

type Step = (typeof evolution extends fc.Arbitrary<infer Steps> ? Steps : never)[number]

const step = (crowd: Step['crowd'], given: Partial<Step> = {}): Step => ({
  crowd,
  fault: undefined,
  times: 9,
  skip: 0,
  refused: undefined,
  cancels: false,
  ...given,
})

exportTest(
  'after every run that succeeded the list equals the query, whatever failed in between',
  async ({ elt, save, run, sandbox, listId, members }) => {
    await run('create table iterable.crowd (email varchar, score int)')
    const off = {
      empty_result: 'off',
      row_drop: 'off',
      removals: 'off',
      additions: 'off',
      mapping_change: 'off',
    }
    let seed = 0
    await fc.assert(
      fc.asyncProperty(evolution, async (runs) => {
        seed += 1
        // A fresh export upon an empty list each time.
        const name = `mirror-${seed}`
        await run('delete from iterable_sync.exports')
        for (const member of members()) sandbox.data.members(listId).delete(member)
        sandbox.data.users.clear()
        const { rm } = await import('node:fs/promises')
        await rm(`${elt.config.exports.directory}/mirror-${seed - 1}.sql`, { force: true })
        await save(
          name,
          { action: 'mirror', brakes: off, max_reject_percent: 100 },
          'select * from iterable.crowd',
        )
        for (const [index, step] of [
          ...runs,
          { ...runs[0], crowd: runs[0]?.crowd ?? {}, fault: undefined, refused: undefined, cancels: false },
        ].entries()) {
          await run('delete from iterable.crowd')
          const rows = Object.entries(step.crowd).map(
            ([who, score]) => `('${who.toUpperCase()}@x.org', ${score})`,
          )
          if (rows.length > 0) await run(`insert into iterable.crowd values ${rows.join(', ')}`)
          sandbox.data.rowFailures.clear()
          if (step.refused) sandbox.data.rowFailures.set(`${step.refused}@x.org`, 'conflict')
          const wanted = Object.entries(step.crowd)
          if (step.fault)
            sandbox.faults.next({
              fault: step.fault,
              path: '/api/lists/',
              method: 'POST',
              times: step.times ?? 1,
              skip: step.skip ?? 0,
            })
          let report = await elt.export(name)
          sandbox.faults.clear()
          if (report.state === 'failed' || report.state === 'cancelled') {
            if (step.cancels) await elt.cancel(report.run_id).catch(() => {})
            if (index < runs.length) continue
            report = await elt.export(name)
          }
          // A run that was gone on with has the plan of an earlier query; the next one is of now.
          report = await elt.export(name)
          expect(report.state).toMatch(/succeeded/)
          const { rows: queried, sent, planned, rejected, skipped } = report
          expect(sent + planned.unchanged + rejected + skipped).toBe(queried)
          const isRefused = (who: string) => who === step.refused
          const onList = new Set(members())
          for (const [who, score] of wanted) {
            if (isRefused(who)) continue
            expect(onList.has(`${who}@x.org`)).toBe(true)
            expect(sandbox.data.users.get(`${who}@x.org`)?.score).toBe(score)
          }
          for (const member of onList) {
            const [who = ''] = member.split('@')
            expect(isRefused(who) || Object.hasOwn(step.crowd, who)).toBe(true)
          }
        }
      }),
      {
        numRuns: often(5, 100),
        examples: [
          // An answer is lost, and the second try is refused: the person may be on the list, or off it, all the same.
          [[step({ a: 0 }, { fault: 'lost-answer' }), step({}, { refused: 'a' }), step({})]],
          [
            [
              step({ a: 0 }),
              step({}, { fault: 'lost-answer' }),
              step({ a: 0 }, { refused: 'a' }),
              step({ a: 0 }),
            ],
          ],
          [
            [
              step({ a: 0 }),
              step({ a: 1 }, { fault: 'lost-answer' }),
              step({ a: 0 }, { refused: 'a' }),
              step({ a: 0 }),
            ],
          ],
        ],
      },
    )
  },
  { maxRetries: 2, timeoutMs: often(300_000, 3_600_000) },
)
