import { describe, expect, it } from 'vitest'
import type { RowFailure, Sandbox } from '../../src/sandbox/index.ts'
import { ask, type Json, withSandbox } from './ask.ts'

const listId = 957_006

const subscribe = async (sandbox: Sandbox, subscribers: unknown[], more: object = {}) =>
  ask(sandbox, '/api/lists/subscribe', { body: { listId, subscribers, ...more } })

const failed = (json: Json) =>
  Object.fromEntries(
    Object.entries(json.failedUpdates!).filter(([, names]) => (names as unknown as unknown[]).length > 0),
  )

describe('subscribing', () => {
  it('writes membership, profile, declared fields and an event', () =>
    withSandbox({ now: new Date('2026-02-01T08:00:00Z') }, async (sandbox) => {
      const { status, json } = await subscribe(sandbox, [
        { email: 'New@Example.com', dataFields: { firstName: 'Öz', fresh: 1.5, when: '2026-01-01' } },
      ])
      expect([status, json()]).toMatchObject([
        200,
        { successCount: 1, failCount: 0, createdFields: ['fresh', 'when'] },
      ])
      expect(sandbox.data.members(listId).all()).toEqual(['new@example.com'])
      expect(sandbox.data.users.get('new@example.com')).toMatchObject({
        firstName: 'Öz',
        emailListIds: [listId],
        profileUpdatedAt: '2026-02-01 08:00:00 +00:00',
      })
      expect(sandbox.data.fields).toMatchObject({ fresh: 'double', when: 'date' })
      const events = sandbox.truth.events('emailSubscribe', sandbox.now)
      expect(events).toMatchObject([
        { email: 'new@example.com', emailListId: listId, signupSource: 'ListAPI' },
      ])
    }))

  it('reports a failure of every kind in its own array, for emails and for userIds', async () => {
    const kinds: RowFailure[] = ['invalid', 'invalidData', 'notFound', 'conflict', 'forgotten']
    await withSandbox({ projectType: 'hybrid' }, async (sandbox) => {
      for (const kind of [...kinds, 'unattributed' as const]) {
        sandbox.data.rowFailures.set(`${kind.toLowerCase()}@example.com`, kind).set(`u-${kind}`, kind)
      }
      const rows = [...kinds, 'unattributed' as const].flatMap((kind) => [
        { email: `${kind}@Example.com` },
        { userId: `u-${kind}` },
      ])
      const { status, json } = await subscribe(sandbox, [...rows, { email: 'fine@example.com' }])
      expect([status, json()]).toMatchObject([
        200,
        {
          successCount: 1,
          failCount: 12,
          invalidEmails: ['invalid@example.com'],
          invalidUserIds: ['u-invalid'],
        },
      ])
      expect(json().failedUpdates).toEqual(
        Object.fromEntries(
          kinds.flatMap((kind) => [
            [`${kind}Emails`, [`${kind.toLowerCase()}@example.com`]],
            [`${kind}UserIds`, [`u-${kind}`]],
          ]),
        ),
      )
      expect(sandbox.data.members(listId).all()).toEqual(['fine@example.com'])
    })
  })

  it('finds the faults of rows by itself', () =>
    withSandbox({}, async (sandbox) => {
      sandbox.data.forgotten.add('gone@example.com')
      const { json } = await subscribe(sandbox, [
        { email: 'no at sign' },
        { email: 'bad@tld' },
        { userId: ' '.repeat(3) },
        { userId: 'x'.repeat(53) },
        { userId: 'nobody' },
        { userId: 'made-here', preferUserId: true },
        { email: 'gone@example.com' },
        { email: 'typed@example.com', dataFields: { birthday: 'GGG' } },
        { email: 'typed2@example.com', dataFields: { isVip: 'yes' } },
        { email: 'fine@example.com', dataFields: { birthday: '12/31/2025', isVip: null, points: 1.5 } },
      ])
      expect(json()).toMatchObject({ successCount: 2, failCount: 8 })
      expect(failed(json())).toEqual({
        invalidEmails: ['no at sign', 'bad@tld'],
        invalidUserIds: ['   ', 'x'.repeat(53)],
        notFoundUserIds: ['nobody'],
        forgottenEmails: ['gone@example.com'],
        invalidDataEmails: ['typed@example.com', 'typed2@example.com'],
      })
      expect(sandbox.data.users.get('fine@example.com')).not.toHaveProperty('birthday')
      expect(sandbox.data.users.get('typed@example.com')).toBeUndefined()
      expect(sandbox.data.users.get('made-here')).toMatchObject({ email: 'made-here@placeholder.email' })
    }))

  it('makes people or leaves them out as the project type says', async () => {
    const rows = [{ email: 'stranger@example.com' }, { userId: 'stranger' }]
    await withSandbox({}, async (sandbox) => {
      const { json } = await subscribe(sandbox, rows, { updateExistingUsersOnly: true })
      expect(failed(json())).toEqual({ notFoundUserIds: ['stranger'] })
    })
    await withSandbox({ projectType: 'hybrid' }, async (sandbox) => {
      expect(failed((await subscribe(sandbox, rows, { updateExistingUsersOnly: true })).json())).toEqual({
        notFoundEmails: ['stranger@example.com'],
        notFoundUserIds: ['stranger'],
      })
      expect((await subscribe(sandbox, rows)).json()).toMatchObject({ successCount: 2 })
      const both = { email: 'stranger@example.com', userId: 'stranger' }
      expect(failed((await subscribe(sandbox, [both])).json())).toEqual({
        conflictEmails: ['stranger@example.com'],
      })
    })
    await withSandbox({ projectType: 'userId' }, async (sandbox) => {
      expect(failed((await subscribe(sandbox, rows)).json())).toEqual({
        invalidEmails: ['stranger@example.com'],
      })
    })
  })

  it('replaces objects unless they are to be merged', () =>
    withSandbox({}, async (sandbox) => {
      const email = 'obj@example.com'
      const write = (dataFields: object, more = {}) => subscribe(sandbox, [{ email, dataFields, ...more }])
      await write({ preferences: { a: 1, b: 2 } })
      await write({ preferences: { b: 3 } }, { mergeNestedObjects: true })
      expect(sandbox.data.users.get(email)?.preferences).toEqual({ a: 1, b: 3 })
      await write({ preferences: { c: 4 } })
      expect(sandbox.data.users.get(email)?.preferences).toEqual({ c: 4 })
      await write({ preferences: null })
      expect(sandbox.data.users.get(email)).not.toHaveProperty('preferences')
    }))
})

describe('unsubscribing', () => {
  it('takes members off, counts non-members as done and names strangers', () =>
    withSandbox({}, async (sandbox) => {
      const id = 957_001
      const [member] = sandbox.data.members(id).all()
      const outsider = sandbox.data.users
        .all()
        .find(({ email }) => !sandbox.data.members(id).has(String(email)))!
      const body = {
        listId: id,
        subscribers: [{ email: member }, { email: outsider.email }, { email: 'stranger@example.com' }],
        channelUnsubscribe: false,
      }
      const { json } = await ask(sandbox, '/api/lists/unsubscribe', { body })
      expect(json()).toMatchObject({
        successCount: 2,
        failCount: 1,
        failedUpdates: { notFoundEmails: ['stranger@example.com'] },
      })
      expect(sandbox.data.members(id).has(member!)).toBe(false)
      expect(sandbox.truth.events('emailUnSubscribe', sandbox.now)).toMatchObject([
        { email: member, emailListId: id },
      ])
    }))
})

describe('a request that is refused as a whole', () => {
  it('changes nothing and says why', () =>
    withSandbox({ maxBatchRows: 3, maxBatchBytes: 2000 }, async (sandbox) => {
      const fine = { email: 'fine@example.com' }
      const refusal = async (subscribers: unknown[], more: object = {}) => {
        const { status, json } = await subscribe(sandbox, subscribers, more)
        return [status, json()] as unknown
      }
      expect(await refusal([fine], { listId: 1 })).toEqual([
        400,
        { msg: 'error.lists.invalidListId(1)', code: 'Success', params: { projectId: 1, listId: 1 } },
      ])
      expect(await refusal([fine], { listId: 957_004 })).toMatchObject([400, { code: 'BadParams' }])
      expect(await refusal([fine, fine, fine, fine])).toMatchObject([400, { code: 'BatchTooLarge' }])
      expect(await refusal([fine, { email: 'p@example.com', preferUserId: 'yes' }])).toEqual([
        400,
        {
          msg: '[/api/lists/subscribe] Invalid JSON body',
          code: 'BadJsonBody',
          params: { 'obj.subscribers[1].preferUserId': 'Boolean value expected' },
        },
      ])
      expect(await refusal([fine, { email: 'poison.1@example.com' }])).toMatchObject([
        400,
        { code: 'BadJsonBody' },
      ])
      expect((await ask(sandbox, '/api/lists/subscribe', { body: '{"listId":' })).status).toBe(400)
      const large = await subscribe(sandbox, [
        { email: 'l@example.com', dataFields: { long: 'x'.repeat(2000) } },
      ])
      expect(large.status).toBe(413)
      expect(sandbox.data.members(listId).size).toBe(0)
      expect(sandbox.writes).toEqual([])
    }))

  it('for one field of the wrong type, where the project is strict', () =>
    withSandbox({ typeConflicts: 'batch' }, async (sandbox) => {
      const { status, json } = await subscribe(sandbox, [
        { email: 'a@example.com' },
        { email: 'b@example.com', dataFields: { birthday: 'GGG' } },
      ])
      expect([status, json()]).toEqual([
        400,
        {
          msg: 'Request fields types mismatched',
          code: 'RequestFieldsTypesMismatched',
          params: {
            validationErrors: {
              birthday: {
                incomingTypes: ['string', 'keyword'],
                expectedType: 'date',
                category: 'user',
                offendingValue: 'GGG',
                _type: 'UnexpectedType',
              },
            },
          },
        },
      ])
    }))

  it('for a while after its list was made', () => {
    let now = 0
    return withSandbox({ newListDelayMs: 5000, clock: () => now }, async (sandbox) => {
      const { listId: id } = (await ask(sandbox, '/api/lists', { body: { name: 'young' } })).json()
      const attempt = async () =>
        (await subscribe(sandbox, [{ email: 'a@example.com' }], { listId: id })).status
      expect(await attempt()).toBe(400)
      now += 5001
      expect(await attempt()).toBe(200)
    })
  })
})

describe('the log of writes', () => {
  it('tells the answered write from the one whose answer was lost, though both were carried out', () =>
    withSandbox({ faults: 'lost-answer' }, async (sandbox) => {
      await expect(subscribe(sandbox, [{ email: 'a@example.com' }])).rejects.toThrow()
      expect(sandbox.data.members(listId).all()).toEqual(['a@example.com'])
      expect((await subscribe(sandbox, [{ email: 'a@example.com' }])).status).toBe(200)
      expect((await subscribe(sandbox, [{ email: 'b@example.com' }])).status).toBe(200)
      expect(sandbox.writes.map(({ answered, rows, listId }) => ({ answered, rows, listId }))).toEqual([
        { answered: false, rows: 1, listId },
        { answered: true, rows: 1, listId },
        { answered: true, rows: 1, listId },
      ])
      const [lost, again, other] = sandbox.writes.map(({ hash }) => hash)
      expect([again === lost, other === lost]).toEqual([true, false])
    }))

  it('batch-400, batch-413 and row-failures make batches fail that would pass otherwise', async () => {
    const rows = Array.from({ length: 600 }, (_, index) => ({
      email: `p${index}@example.com`,
      dataFields: { pad: 'x'.repeat(200) },
    }))
    await withSandbox({ faults: 'batch-400' }, async (sandbox) => {
      expect((await subscribe(sandbox, rows)).json()).toMatchObject({ code: 'BatchTooLarge' })
      expect((await subscribe(sandbox, rows.slice(0, 500))).status).toBe(200)
    })
    await withSandbox({ faults: 'batch-413' }, async (sandbox) => {
      expect((await subscribe(sandbox, rows)).status).toBe(413)
      expect((await subscribe(sandbox, rows.slice(0, 200))).status).toBe(200)
    })
    await withSandbox({ faults: 'row-failures' }, async (sandbox) => {
      const answer = (await subscribe(sandbox, rows)).json()
      expect(Object.keys(failed(answer)).sort()).toEqual([
        'conflictEmails',
        'forgottenEmails',
        'invalidDataEmails',
        'invalidEmails',
        'notFoundEmails',
      ])
      expect(Number(answer.successCount) + Number(answer.failCount)).toBe(600)
      expect(sandbox.data.members(listId).size).toBe(Number(answer.successCount))
    })
  })
})

describe('single users', () => {
  it('are written, refused with the documented codes, and forgotten', () =>
    withSandbox({}, async (sandbox) => {
      const update = async (body: object) => {
        const { status, json } = await ask(sandbox, '/api/users/update', { body })
        return [status, json().code, json().msg] as unknown
      }
      expect(await update({ email: 'a@example.com', dataFields: { points: 3 } })).toEqual([
        200,
        'Success',
        '',
      ])
      expect(await update({ email: '000' })).toEqual([400, 'InvalidEmailAddressError', 'Invalid email: 000'])
      expect(await update({ userId: 'nobody' })).toEqual([
        400,
        'BadParams',
        expect.stringMatching(/^User does not exist\./),
      ])
      expect(await update({ email: 'a@example.com', dataFields: { points: 'many' } })).toContain(
        'RequestFieldsTypesMismatched',
      )
      await ask(sandbox, '/api/users/forget', { body: { email: 'a@example.com' } })
      expect(await update({ email: 'a@example.com' })).toContain('ForgottenUserError')
      const users = [{ email: 'b@example.com', dataFields: { points: 1 } }, { email: 'a@example.com' }]
      expect((await ask(sandbox, '/api/users/bulkUpdate', { body: { users } })).json()).toMatchObject({
        successCount: 1,
        failCount: 1,
        failedUpdates: { forgottenEmails: ['a@example.com'] },
      })
    }))
})
