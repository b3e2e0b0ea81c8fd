import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/errors.ts'
import type { CronExpression, DialectName } from '../../../src/schedule/cron/dialect.ts'
import { parseCron } from '../../../src/schedule/cron/expression.ts'

const td = (source: string | null) => parseCron(source, 'treasuredata')
const vixie = (source: string | null) => parseCron(source, 'standard')
const upTo = (last: number, first = 0) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

function refusal(source: string, dialect: DialectName = 'treasuredata'): string {
  try {
    parseCron(source, dialect)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).exitCode).toBe(2)
    return (error as Error).message
  }
  throw new Error(`${JSON.stringify(source)} was accepted`)
}

describe('the documented examples, in both dialects', () => {
  const cases: [source: string, td: Partial<CronExpression>, standard: Partial<CronExpression>][] = [
    ['0 0 */5 * *', { days: [5, 10, 15, 20, 25, 30] }, { days: [1, 6, 11, 16, 21, 26, 31] }],
    ['0 0 5,*/10,25 * *', { days: [5, 10, 20, 25, 30] }, { days: [1, 5, 11, 21, 25, 31] }],
    ['0 0 1 */3 *', { months: [3, 6, 9, 12] }, { months: [1, 4, 7, 10] }],
    ['0 0 1 * 1', { dayRule: 'weekdays', ignored: 'day_of_month' }, { dayRule: 'either', ignored: null }],
    [
      '30 */2 1 * *',
      { minutes: [30], hours: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22], days: [1], dayRule: 'days' },
      { minutes: [30], hours: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22], days: [1], dayRule: 'days' },
    ],
    [
      '2,*/5,8-10 * * * *',
      { minutes: [0, 2, 5, 8, 9, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55] },
      { minutes: [0, 2, 5, 8, 9, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55] },
    ],
    ['0 0 * * 7', { weekdays: [0] }, { weekdays: [0] }],
    ['0 0 * * 5-7', { weekdays: [0, 5, 6] }, { weekdays: [0, 5, 6] }],
    ['0 0 * * 0-7', { weekdays: upTo(6), dayRule: 'every' }, { weekdays: upTo(6), dayRule: 'every' }],
    ['0 0 * * MON', { weekdays: [1] }, { weekdays: [1] }],
    [
      '0 0 * Jan-mAr,DEC Mon-Fri',
      { months: [1, 2, 3, 12], weekdays: [1, 2, 3, 4, 5] },
      { months: [1, 2, 3, 12] },
    ],
    ['*/7 */5 * * *', { minutes: [0, 7, 14, 21, 28, 35, 42, 49, 56], hours: [0, 5, 10, 15, 20] }, {}],
    ['0 0 * * */2', { weekdays: [0, 2, 4, 6] }, { weekdays: [0, 2, 4, 6] }],
    ['0 0 */31 * *', { days: [31] }, { days: [1] }],
    ['05 00 * * *', { minutes: [5], hours: [0] }, { minutes: [5], hours: [0] }],
    ['1,1,1-3 * * * *', { minutes: [1, 2, 3] }, { minutes: [1, 2, 3] }],
    ['@hourly', { minutes: [0], hours: upTo(23), dayRule: 'every', hourIsWildcard: true }, { minutes: [0] }],
    ['@daily', { minutes: [0], hours: [0], dayRule: 'every', hourIsWildcard: false }, { hours: [0] }],
    ['@midnight', { minutes: [0], hours: [0], dayRule: 'every' }, { hours: [0] }],
    ['@Monthly', { minutes: [0], hours: [0], days: [1], dayRule: 'days' }, { days: [1], dayRule: 'days' }],
  ]
  test.each(cases)('%s', (source, expectedByTd, expectedByStandard) => {
    expect(td(source)).toMatchObject({ source, dialect: 'treasuredata', never: false, ...expectedByTd })
    expect(vixie(source)).toMatchObject({ source, dialect: 'standard', never: false, ...expectedByStandard })
  })

  test.each(['', 'None', 'none', '  ', null])('%j is a schedule that never fires', (source) => {
    for (const expression of [td(source), vixie(source)]) {
      expect(expression).toMatchObject({
        never: true,
        source: source ?? '',
        minutes: [],
        hours: [],
        warnings: [],
      })
    }
  })
})

describe('what only standard cron offers', () => {
  test.each<[string, Partial<CronExpression>]>([
    ['5/10 * * * *', { minutes: [5, 15, 25, 35, 45, 55] }],
    ['10-30/7 * * * *', { minutes: [10, 17, 24] }],
    ['0 0 * * 1/2', { weekdays: [0, 1, 3, 5] }],
    ['0 0 * * mon-fri/2', { weekdays: [1, 3, 5] }],
    ['0 *,5 * * *', { hours: upTo(23), hourIsWildcard: true }],
    ['*/90 * * * *', { minutes: [0] }],
    ['0 0 * * */7', { weekdays: [0] }],
    ['@weekly', { hours: [0], weekdays: [0], dayRule: 'weekdays' }],
    ['@yearly', { days: [1], months: [1], dayRule: 'days' }],
    ['@annually', { days: [1], months: [1], dayRule: 'days' }],
    ['0 0 1-31 * 1', { dayRule: 'every' }],
    ['0 0 */2 * mon', { dayRule: 'both' }],
    ['0 0 1 * */2', { dayRule: 'both' }],
    ['0  6\t* * *', { warnings: [] }],
  ])('%s', (source, expected) => {
    expect(vixie(source)).toMatchObject(expected)
  })

  test('a step wider than the field is pointed out', () => {
    expect(vixie('*/90 * * * *').warnings).toEqual([
      'minute "*/90": the step is wider than the field, only 0 is left',
    ])
    expect(vixie('*/59 * * * *').warnings).toEqual([])
  })

  test('a date that never comes beside a weekday leaves the weekday, with a warning', () => {
    const expression = vixie('0 0 31 2 1')
    expect(expression.dayRule).toBe('weekdays')
    expect(expression.warnings).toEqual(['day of month "31" never comes in month "2"; only weekdays count'])
  })
})

describe('two restricted day fields in the treasuredata dialect', () => {
  test.each<[string, CronExpression['ignored'], CronExpression['dayRule']]>([
    ['0 0 1 * 1', 'day_of_month', 'weekdays'],
    ['0 0 1-5 * 1', 'day_of_week', 'days'],
    ['0 0 1-4 * 1', 'day_of_month', 'weekdays'],
    ['0 0 28-31 * 1', 'day_of_month', 'weekdays'],
    ['0 0 2-30 * 1-5', 'day_of_week', 'days'],
    ['0 0 31 2 1', 'day_of_month', 'weekdays'],
    ['0 0 */2 * 1', 'day_of_week', 'days'],
    ['0 0 1-31 * 1', null, 'weekdays'],
    ['0 0 */1 * 1', null, 'weekdays'],
    ['0 0 1 * 0-6', null, 'days'],
    ['0 0 1 * */1', null, 'days'],
    ['0 0 * * *', null, 'every'],
  ])('%s ignores %s', (source, ignored, dayRule) => {
    const expression = td(source)
    expect(expression).toMatchObject({ ignored, dayRule })
    expect(expression.warnings).toHaveLength(ignored === null ? 0 : 1)
  })

  test('the warning names the ignored field and counts the days', () => {
    expect(td('0 0 1 * 1').warnings).toEqual([
      'the day of month "1" is ignored: the day of week "1" fires more often (20871 against 4800 days in 400 years)',
    ])
  })

  test('in a tie, which takes a restricted month, the weekday wins', () => {
    const expression = td('0 0 1-17 1,2,4 0,1,3,5')
    expect(expression).toMatchObject({ ignored: 'day_of_month', dayRule: 'weekdays' })
    expect(expression.warnings[0]).toContain('fires just as often, and wins a tie (20400 against 20400 days')
  })
})

describe('a wildcard hour', () => {
  test.each([
    ['0 * * * *', true],
    ['0 */2 * * *', true],
    ['0 0-23 * * *', true],
    ['* 2 * * *', false],
    ['0 0,2,4 * * *', false],
    ['0 */12,3 * * *', false],
  ])('%s: %s', (source, expected) => {
    expect(td(source).hourIsWildcard).toBe(expected)
  })
})

describe('tolerated with a word', () => {
  test('7 for Sunday', () => {
    expect(td('0 0 * * 7').warnings).toEqual(['day of week "7": 7 is read as Sunday, which is 0'])
    expect(td('0 0 * * 0').warnings).toEqual([])
  })

  test.each(['0  6 * * *', '0\t6 * * *', ' 0 6 * * *', '0 6 * * *\n'])('white space of %j', (source) => {
    const expression = td(source)
    expect(expression).toMatchObject({ minutes: [0], hours: [6], source })
    expect(expression.warnings).toEqual([
      'fields should be separated by a single space and nothing else; other white space was tolerated',
    ])
  })
})

describe('refused with field, value, allowed values and cure', () => {
  test.each<[source: string, message: string]>([
    ['* * * *', 'cron "* * * *" has 4 fields where five are needed; write minute, hour, day of month, month'],
    ['0 0 * * * *', 'has 6 fields where five are needed; there is no field for seconds or years'],
    ['5', 'has 1 field where five are needed'],
    ['60 * * * *', 'cron "60 * * * *": minute has "60"; allowed are 0-59'],
    ['0 24 * * *', 'hour has "24"; allowed are 0-23'],
    ['0 0 0 * *', 'day of month has "0"; allowed are 1-31'],
    ['0 0 32 * *', 'day of month has "32"; allowed are 1-31'],
    ['0 0 * 13 *', 'month has "13"; allowed are 1-12 or jan-dec'],
    ['0 0 * 0 *', 'month has "0"; allowed are 1-12 or jan-dec'],
    ['0 0 * * 8', 'day of week has "8"; allowed are 0-6 or sun-sat'],
    ['0 0 * * monday', 'day of week has "monday"; allowed are 0-6 or sun-sat (write mon)'],
    ['0 mon * * *', 'hour has "mon"; allowed are 0-23'],
    ['0 0 ? * 1', 'day of month has "?"; allowed are 1-31 (write * for "any")'],
    ['0 0 L * *', 'day of month has "L"; allowed are 1-31 (L, W and # belong to Quartz, not to cron)'],
    ['0 0 * * 1#2', 'day of week has "1#2"; allowed are 0-6 or sun-sat (L, W and # belong to Quartz'],
    ['*/60 * * * *', 'minute has "*/60"; the step is at most 59'],
    ['*/90 * * * *', 'minute has "*/90"; the step is at most 59'],
    ['0 */24 * * *', 'hour has "*/24"; the step is at most 23'],
    ['0 0 */32 * *', 'day of month has "*/32"; the step is at most 31'],
    ['0 0 * */13 *', 'month has "*/13"; the step is at most 12'],
    ['0 0 * * */7', 'day of week has "*/7"; the step is at most 6'],
    ['*/0 * * * *', 'minute has "*/0"; the step after / is a whole number above 0'],
    ['*/ * * * *', 'minute has "*/"; the step after / is a whole number above 0'],
    ['*/-5 * * * *', 'minute has "*/-5"; the step after / is a whole number above 0'],
    ['*/5/5 * * * *', 'minute has "*/5/5", two steps'],
    [
      '5/10 * * * *',
      'minute has "5/10", a step that does not follow *; write */10 or a list of values, or set',
    ],
    ['1-30/2 * * * *', 'minute has "1-30/2", a step that does not follow *'],
    ['1,* * * * *', 'minute has * inside a list; write * alone, or list values of 0-59'],
    ['1,,2 * * * *', 'minute has an empty list item; take the surplus comma out'],
    ['1, * * * *', 'minute has an empty list item'],
    ['30-10 * * * *', 'minute has the range 30-10, which runs backwards; write it in two parts: 30-59,0-10'],
    [
      '0 0 * * fri-sun',
      'day of week has the range fri-sun, which runs backwards; write it in two parts: fri-sat,sun',
    ],
    ['-5 * * * *', 'minute has "-5", which is neither a value nor a range'],
    ['1-2-3 * * * *', 'minute has "1-2-3", which is neither a value nor a range'],
    ['1.5 * * * *', 'minute has "1.5"; allowed are 0-59'],
    ['constructor * * * *', 'minute has "constructor"; allowed are 0-59'],
    [
      '@weekly',
      `is not a macro of Treasure Data's dialect; use one of @hourly, @daily, @midnight, @monthly, or write "0 0 * * 0"`,
    ],
    ['@reboot', 'is not a macro'],
    ['@constructor', 'is not a macro'],
    ['0 0 31 2 *', 'can never run: day of month "31" never comes in month "2"; choose a day'],
    ['0 0 31 apr,jun,sep,nov *', 'can never run: day of month "31" never comes in month "apr,jun,sep,nov"'],
    ['0 0 */30 2 *', 'can never run'],
  ])('%s', (source, message) => {
    expect(refusal(source)).toContain(message)
  })

  test('impossible dates in standard cron, too', () => {
    expect(refusal('0 0 30,31 2 *', 'standard')).toContain('can never run')
    expect(refusal('@reboot', 'standard')).toContain('@weekly')
    expect(vixie('0 0 29 2 *').days).toEqual([29])
  })
})
