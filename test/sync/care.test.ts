/** The ladder from the quick way of loading to the careful one. */
import { expect, test } from 'vitest'
import { DriftError } from '../../src/load/faults.ts'
import { type Care, moreCare, noCare } from '../../src/sync/care.ts'

const driftIn = (column?: string) =>
  new DriftError(new Error(column === undefined ? 'conversion failed' : `drift:${column}`))
const doubting = (...columns: string[]): Care => ({ ...noCare, doubtful: new Set(columns) })
const careful: Care = { ...noCare, isCareful: true }

test.each<[string, Care, unknown, Care | undefined]>([
  ['a column that drifts is doubted', noCare, driftIn('score'), doubting('score')],
  ['so is another one', doubting('score'), driftIn('city'), doubting('score', 'city')],
  [
    'one that drifts again asks for all care',
    doubting('score'),
    driftIn('score'),
    { ...doubting('score'), isCareful: true },
  ],
  ['a drift without a column asks for all care', noCare, driftIn(), careful],
  [
    'an event outside of its window is left out',
    noCare,
    driftIn('createdAt'),
    { ...noCare, leavesOutStrays: true },
  ],
  ['also where all care is taken', careful, driftIn('createdAt'), { ...careful, leavesOutStrays: true }],
  [
    'with strays left out, the bookmark is a column like others',
    { ...noCare, leavesOutStrays: true },
    driftIn('createdAt'),
    { ...doubting('createdAt'), leavesOutStrays: true },
  ],
  ['after all care a drift is an error', careful, driftIn('score'), undefined],
  ['care helps nothing against other errors', noCare, new Error('disk full'), undefined],
])('%s', (_name, care, error, expected) => {
  expect(moreCare(care, error, 'createdAt')).toEqual(expected)
})
