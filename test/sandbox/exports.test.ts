import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataTypes, type Row, startSandbox } from '../../src/sandbox/index.ts'
import { readTime } from '../../src/sandbox/times.ts'
import { ask, exportPath, january, rowsOf, withSandbox } from './ask.ts'

describe('the export', () => {
  it('brings for every data type what the truth holds, in the documented form', () =>
    withSandbox({}, async (sandbox) => {
      for (const dataType of dataTypes) {
        const { status, text, headers } = await ask(sandbox, exportPath(dataType))
        expect([dataType, status]).toEqual([dataType, 200])
        expect(headers.get('content-type')).toBe('application/x-json-stream')
        expect(headers.get('content-length')).toBeNull()
        expect(rowsOf(text)).toEqual(sandbox.truth.events(dataType, '2026-01-01', '2026-02-01'))
      }
      for (const dataType of [
        'emailSend',
        'emailOpen',
        'emailClick',
        'emailBounce',
        'emailComplaint',
        'emailSendSkip',
        'emailSubscribe',
        'emailUnSubscribe',
      ]) {
        expect(sandbox.truth.events(dataType).length).toBeGreaterThan(2)
      }
    }))

  it('cuts a day into windows without losing or doubling a row, wherever the cut is', () =>
    withSandbox({ days: 3 }, async (sandbox) => {
      const day = '2026-01-30 00:00:00'
      const end = '2026-01-31 00:00:00'
      const lines = async (from: string, to: string) =>
        (await ask(sandbox, exportPath('emailSend', `startDateTime=${from}&endDateTime=${to}`))).text
          .split('\n')
          .filter(Boolean)
      const whole = (await lines(day, end)).sort()
      expect(whole.length).toBeGreaterThan(50)
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 86_399 }), async (seconds) => {
          const cut = new Date(Date.parse('2026-01-30T00:00:00Z') + seconds * 1000).toISOString()
          expect([...(await lines(day, cut)), ...(await lines(cut, end))].sort()).toEqual(whole)
        }),
        { numRuns: 20 },
      )
    }))

  it('includes the start, excludes the end and counts whole seconds', () =>
    withSandbox({ empty: true }, async (sandbox) => {
      const spellings = [
        '2026-01-05 10:00:00 +00:00',
        '2026-01-05T10:00:00.999999Z',
        '2026-01-05 12:00:00 +0200',
        '2026-01-05T10:00:00.134105.000Z',
      ]
      sandbox.data.events('emailOpen').push(...spellings.map((createdAt) => ({ createdAt })))
      const count = async (from: string, to: string) =>
        rowsOf(
          (
            await ask(
              sandbox,
              exportPath(
                'emailOpen',
                `startDateTime=${encodeURIComponent(from)}&endDateTime=${encodeURIComponent(to)}`,
              ),
            )
          ).text,
        ).length
      expect(await count('2026-01-05 10:00:00', '2026-01-05 10:00:01 +00:00')).toBe(4)
      expect(await count('2026-01-05 09:00:00', '2026-01-05T10:00:00.900Z')).toBe(0)
      expect(await count('2026-01-05 10:00:01', '2026-01-05 11:00:00')).toBe(0)
      expect(await count('2026-01-05 12:00:00 +02:00', '2026-01-06 00:00:00')).toBe(4)
    }))

  it('sends rows and raw lines of a test as they are', () =>
    withSandbox({ empty: true }, async (sandbox) => {
      const shelf = sandbox.data.events('customEvent')
      shelf.push(
        { createdAt: '2026-01-05 10:00:00 +00:00', n: 1 },
        '{"createdAt": "2026-01-05 10:00:00 +00:00", "n": 12345678901234567890}',
      )
      shelf.pushRaw('{"torn":', '2026-01-06T00:00:00Z')
      shelf.pushRaw('{"not": "now"}', '2025-01-06T00:00:00Z')
      const { text } = await ask(sandbox, exportPath('customEvent'))
      expect(text).toBe(
        '{"createdAt":"2026-01-05 10:00:00 +00:00","n":1}\n{"createdAt": "2026-01-05 10:00:00 +00:00", "n": 12345678901234567890}\n{"torn":\n',
      )
      expect(sandbox.truth.badLines('customEvent', '2026-01-01', '2026-02-01')).toEqual(['{"torn":'])
      expect(shelf.remove(({ n }) => n === 1)).toBe(1)
      expect(shelf.count).toBe(3)
    }))

  it('filters people by profileUpdatedAt and always brings those without one', () =>
    withSandbox({ empty: true }, async (sandbox) => {
      sandbox.data.users.put(
        { email: 'In@example.com', profileUpdatedAt: '2026-01-05 10:00:00 +00:00' },
        { email: 'out@example.com', profileUpdatedAt: '2025-01-05 10:00:00 +00:00' },
        { email: 'timeless@example.com' },
      )
      const emails = rowsOf((await ask(sandbox, exportPath('user'))).text).map(
        (row) => (row as { email: string }).email,
      )
      expect(emails).toEqual(['in@example.com', 'timeless@example.com'])
    }))

  it('writes CSV with the union of columns, and chooses fields and campaigns', () =>
    withSandbox({ empty: true }, async (sandbox) => {
      sandbox.data
        .events('purchase')
        .push(
          { createdAt: '2026-01-05 10:00:00 +00:00', campaignId: 1, deep: { a: 'x,"y"' } },
          { createdAt: '2026-01-05 10:00:00 +00:00', campaignId: 2, tags: ['a', 'b'] },
        )
      const csv = await ask(sandbox, `/api/export/data.csv?dataTypeName=purchase&${january}`)
      expect(csv.text).toBe(
        'createdAt,campaignId,deep.a,tags\n2026-01-05 10:00:00 +00:00,1,"x,""y""",\n2026-01-05 10:00:00 +00:00,2,,"[""a"",""b""]"\n',
      )
      const rows = async (more: string) =>
        rowsOf((await ask(sandbox, `${exportPath('purchase')}&${more}`)).text)
      expect(await rows('onlyFields=campaignId,unknown')).toEqual([{ campaignId: 1 }, { campaignId: 2 }])
      expect(await rows('omitFields=createdAt,deep.a&campaignId=1')).toEqual([{ campaignId: 1, deep: {} }])
      expect((await ask(sandbox, `/api/export/data.csv?dataTypeName=smsSend&${january}`)).text).toBe('')
    }))

  it('tells all events of one person', () =>
    withSandbox({}, async (sandbox) => {
      const { email } = sandbox.truth.events('customEvent')[0]!
      const types = async (more: string) =>
        rowsOf(
          (await ask(sandbox, `/api/export/userEvents?email=${encodeURIComponent(String(email))}${more}`))
            .text,
        ).map((row) => (row as { _type: string })._type)
      expect(await types('')).not.toContain('customEvent')
      expect(await types('&includeCustomEvents=true')).toContain('customEvent')
    }))
})

describe('the data', () => {
  it('is the same for the same seed, and another for another', async () => {
    const read = async (seed: number) => {
      await using sandbox = await startSandbox({ seed, rateLimits: 'off' })
      const texts = []
      for (const dataType of dataTypes) texts.push((await ask(sandbox, exportPath(dataType))).text)
      for (const path of ['/api/campaigns', '/api/templates', '/api/lists', '/api/metadata/stores'])
        texts.push((await ask(sandbox, path)).text)
      return { keys: sandbox.keys, text: texts.join('\n') }
    }
    const one = await read(1)
    expect(await read(1)).toEqual(one)
    expect((await read(2)).text).not.toBe(one.text)
    expect(Object.values(one.keys).every((key) => /^[0-9a-f]{32}$/.test(key))).toBe(true)
  })

  it('has the awkward parts of real projects', () =>
    withSandbox({ users: 400 }, async (sandbox) => {
      const people = sandbox.data.users.all()
      const fields = new Set(people.flatMap((person) => Object.keys(person)))
      for (const name of [
        'Industry',
        'industry',
        'offers',
        'offers.Intro APR',
        'house Districts',
        'itblInternal',
        'itblInternal.emailDomain',
        'devices',
        'mixed',
      ]) {
        expect(fields).toContain(name)
      }
      expect(fields.size).toBeGreaterThan(60)
      expect(people.some((person) => person.profileUpdatedAt === undefined)).toBe(true)
      const clicks = sandbox.truth.events('emailOpen').map((row) => JSON.stringify(row))
      expect(new Set(clicks).size).toBeLessThan(clicks.length)
      expect(
        sandbox.truth.events('emailSend').every((row) => typeof row.transactionalData === 'string'),
      ).toBe(true)
      const sent = new Set(sandbox.truth.events('emailSend').map(({ messageId }) => messageId))
      expect(sandbox.truth.events('emailClick').every(({ messageId }) => sent.has(messageId))).toBe(true)
    }))

  it('answers messages that were sent, to whom they were sent, in every medium', () =>
    withSandbox({ days: 10 }, async ({ truth }) => {
      const whoOf = ({ email, userId, itblUserId }: Row) => [email, userId, itblUserId]
      for (const [send, ...answers] of [
        ['emailSend', 'emailOpen', 'emailClick', 'emailBounce', 'emailComplaint', 'hostedUnsubscribeClick'],
        ['pushSend', 'pushOpen', 'pushBounce'],
        ['smsSend', 'smsClick', 'smsBounce'],
        ['inAppSend', 'inAppDelivery', 'inAppOpen', 'inAppClick', 'inAppClose', 'inAppDelete'],
        ['webPushSend', 'webPushClick'],
        ['whatsAppSend', 'whatsAppSeen', 'whatsAppClick', 'whatsAppBounce'],
        ['embeddedSend', 'embeddedReceived', 'embeddedClick', 'embeddedImpression'],
      ] as const) {
        const sent = new Map(truth.events(send).map((row) => [row.messageId, row]))
        for (const type of answers) {
          const rows = truth.events(type)
          expect(rows.length, type).toBeGreaterThan(0)
          for (const { seenMessageId, messageId, createdAt, ...row } of rows) {
            const message = sent.get(seenMessageId ?? messageId)
            expect(whoOf(row), type).toEqual(whoOf(message ?? {}))
            expect(readTime(createdAt), type).toBeGreaterThanOrEqual(Number(readTime(message?.createdAt)))
            if (type !== 'whatsAppSeen') expect(row.campaignId, type).toBe(message?.campaignId)
          }
        }
      }
      // Some unsubscribe by a link in an e-mail, or because it bounced; others leave a list.
      const sent = new Set(truth.events('emailSend').map(({ messageId }) => messageId))
      const sources = truth.events('emailUnSubscribe').map(({ unsubSource, messageId }) => ({
        unsubSource,
        isOfMessage: sent.has(messageId),
      }))
      expect(sources).toContainEqual({ unsubSource: 'EmailLink', isOfMessage: true })
      expect(sources).toContainEqual({ unsubSource: 'HardBounce', isOfMessage: true })
      expect(sources).toContainEqual({ unsubSource: 'API', isOfMessage: false })
    }))

  it('knows people by the means of their project', async () => {
    await withSandbox({ region: 'eu' }, async (sandbox) => {
      const people = sandbox.data.users.all()
      expect(sandbox.projectType).toBe('hybrid')
      expect(people.every(({ itblUserId }) => typeof itblUserId === 'string')).toBe(true)
      expect(people.some(({ email }) => email === undefined)).toBe(true)
      expect(people.some(({ userListIds }) => Array.isArray(userListIds))).toBe(true)
      expect(sandbox.truth.listUsers().some(({ userId }) => userId !== undefined)).toBe(true)
    })
    await withSandbox({ projectType: 'userId' }, async (sandbox) => {
      expect(sandbox.data.users.all().every(({ userId }) => typeof userId === 'string')).toBe(true)
    })
  })

  it('has exact numbers of rows for benchmarks, even when the cache holds few of them', () =>
    withSandbox(
      { days: 7, users: 50, cacheBytes: 3_000_000, bench: { emailSend: 10_001, users: 1003 } },
      async (sandbox) => {
        const read = async (dataType: string) => (await ask(sandbox, exportPath(dataType))).text
        const sends = await read('emailSend')
        expect(sends.split('\n').length - 1).toBe(10_001)
        expect(await read('emailSend')).toBe(sends)
        expect((await read('user')).split('\n').length - 1).toBe(
          1003 +
            sandbox.data.users
              .all()
              .filter(({ profileUpdatedAt }) => !(String(profileUpdatedAt) < '2026-01-01')).length,
        )
      },
    ))

  it('moves on when time does', () =>
    withSandbox({}, async (sandbox) => {
      const window = 'startDateTime=2026-02-01%2000:00:00&endDateTime=2026-02-03%2000:00:00'
      expect((await ask(sandbox, exportPath('emailSend', window))).text).toBe('')
      sandbox.advance(12 * 3_600_000)
      const rows = rowsOf((await ask(sandbox, exportPath('emailSend', window))).text)
      expect(rows.length).toBeGreaterThan(20)
      expect(rows.every((row) => (row as { createdAt: string }).createdAt < '2026-02-01 12:00:00')).toBe(true)
      expect(rowsOf((await ask(sandbox, exportPath('user', window))).text).length).toBeGreaterThan(5)
      expect(sandbox.now).toEqual(new Date('2026-02-01T12:00:00Z'))
    }))
})
