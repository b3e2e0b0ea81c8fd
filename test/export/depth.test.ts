import { expect, test } from 'vitest'
import { parseJsonc } from '../../src/config/jsonc.ts'
import { parseExportFile } from '../../src/export/definition/definition.ts'
import { BadValue } from '../../src/export/rows/bad-value.ts'
import { parseJson } from '../../src/export/rows/values.ts'
import { parseLooseObject } from '../../src/export/treasure-data/loose-json.ts'
import { isTooDeep, mostLevels } from '../../src/json/depth.ts'
import { exportTest } from './support.ts'

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const deep = nested(100_000)

test('what is nested a hundred thousand deep is refused wherever somebody may write it', () => {
  expect(() => parseJson(deep)).toThrow(BadValue)
  for (const text of [`{"type":${deep}}`, `{type: ${deep}}`]) {
    expect(() => parseLooseObject(text)).toThrow(/not a JSON object/)
  }
  expect(() => parseJsonc(`{"a":${deep}}`, 'config.json')).toThrow(/deeper than 1000 levels/)
  expect(() => parseExportFile(`/*\naction: ${deep}\n*/\nselect 1`, 'x.sql')).toThrow(
    /deeper than 1000 levels/,
  )
})

exportTest(
  'a row with JSON that is nested too deep is rejected, the others go',
  async ({ elt, save, warehouse }) => {
    const value = `case when n = 2 then '${nested(2_000)}' else '[1]' end`
    await save(
      'vip',
      { action: 'add', skip_invalid_data: true, columns: [{ source: 'doc', as: 'doc', json: true }] },
      `select 'p' || n || '@x.org' as email, ${value} as doc from generate_series(1, 3) as g(n)`,
    )
    expect(await elt.export('vip')).toMatchObject({ state: 'succeeded_with_rejects', sent: 2, rejected: 1 })
    expect(await warehouse.query('select code from iterable_sync.rejected_rows')).toEqual([
      { code: 'too_deep' },
    ])
  },
)

test.each([
  ['[]', false],
  [nested(mostLevels), false],
  [nested(mostLevels + 1), true],
  [`${'{"a":'.repeat(mostLevels + 1)}1${'}'.repeat(mostLevels + 1)}`, true],
  [JSON.stringify(nested(5_000)), false],
  [`"\\"${'['.repeat(5_000)}`, false],
  [`[${'[],'.repeat(5_000)}1]`, false],
])('the depth of %s is seen', (text, expected) => {
  expect(isTooDeep(text)).toBe(expected)
})
