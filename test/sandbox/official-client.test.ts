import { IterableClient } from '@iterable/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'

let sandbox: Sandbox
let client: IterableClient

beforeAll(async () => {
  sandbox = await startSandbox({ rateLimits: 'off', jobMs: 40 })
  client = new IterableClient({ apiKey: sandbox.keys.server, baseUrl: sandbox.url })
})

afterAll(async () => {
  client.destroy()
  await sandbox.close()
})

describe("Iterable's official client", () => {
  it('reads lists and their members', async () => {
    const { lists } = await client.getLists()
    expect(lists).toEqual(sandbox.data.lists)
    for (const { id } of lists) {
      const { users } = await client.getListUsers({ listId: id })
      expect(users.map(({ email }) => email).sort()).toEqual(sandbox.data.members(id).all())
      expect(await client.getListSize({ listId: id })).toEqual({ size: users.length })
    }
    expect((await client.getListPreviewUsers({ listId: lists[0]!.id, size: 7 })).users).toHaveLength(7)
  })

  it('reads all pages of campaigns and templates', async () => {
    const campaigns = []
    for (let page = 1, more = true; more; page++) {
      const answer = await client.getCampaigns({ page, pageSize: 25 })
      campaigns.push(...answer.campaigns)
      more = answer.nextPageUrl !== undefined
    }
    expect(campaigns.map(({ id }) => id).sort()).toEqual(sandbox.data.campaigns.map(({ id }) => id).sort())
    const templates = []
    for (const templateType of ['Base', 'Blast', 'Triggered', 'Workflow'] as const) {
      for (const messageMedium of ['Email', 'Push', 'InApp', 'SMS'] as const) {
        const answer = await client.getTemplates({ templateType, messageMedium, pageSize: 1000 })
        templates.push(
          ...answer.templates.map(({ templateId }) => ({ templateId, templateType, messageMedium })),
        )
      }
    }
    const expected = sandbox.truth
      .templates()
      .map(({ templateId, templateType, messageMedium }) => ({ templateId, templateType, messageMedium }))
    expect(templates).toHaveLength(expected.length)
    expect(templates).toEqual(expect.arrayContaining(expected))
    const { templateId } = expected.find(({ messageMedium }) => messageMedium === 'Email')!
    expect(await client.getEmailTemplate({ templateId: Number(templateId) })).toMatchObject({ templateId })
  })

  it('reads channels, message types and profile fields', async () => {
    expect((await client.getChannels()).channels).toEqual(sandbox.data.channels)
    expect((await client.getMessageTypes()).messageTypes).toHaveLength(sandbox.data.messageTypes.length)
    expect((await client.getUserFields()).fields).toMatchObject({
      Industry: 'string',
      'offers.Intro APR': 'string',
    })
  })

  it('makes a list, puts people on it, takes them off and deletes it', async () => {
    const { listId } = await client.createList({ name: 'made by a test' })
    const subscribers = [
      { email: 'one@example.com', dataFields: { brandNew: 1 } },
      { email: 'two@example.com' },
    ]
    expect(await client.subscribeUserToList({ listId, subscribers })).toMatchObject({
      successCount: 2,
      failCount: 0,
      createdFields: ['brandNew'],
    })
    expect((await client.getListUsers({ listId })).users.map(({ email }) => email).sort()).toEqual([
      'one@example.com',
      'two@example.com',
    ])
    await client.unsubscribeUserFromList({ listId, subscribers: [{ email: 'one@example.com' }] })
    expect(sandbox.data.members(listId).all()).toEqual(['two@example.com'])
    expect(await client.getUserByEmail({ email: 'two@example.com' })).toMatchObject({
      user: { dataFields: { emailListIds: [listId] } },
    })
    await client.deleteList({ listId })
    await expect(client.getListUsers({ listId })).rejects.toMatchObject({ statusCode: 400 })
  })

  it('runs an asynchronous export', async () => {
    const { jobId } = await client.startExportJob({
      dataTypeName: 'emailSend',
      outputFormat: 'application/x-json-stream',
      startDateTime: '2026-01-10 00:00:00',
      endDateTime: '2026-01-20 00:00:00',
    })
    let answer = await client.getExportFiles({ jobId })
    expect(answer.files).toEqual([])
    while (answer.jobState !== 'completed') answer = await client.getExportFiles({ jobId })
    const text = await (await fetch(answer.files[0]!.url)).text()
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(rows).toEqual(sandbox.truth.events('emailSend', '2026-01-10', '2026-01-20'))
    expect((await client.getExportJobs({ jobState: 'completed' })).jobs).toMatchObject([
      { id: jobId, bytesExported: Buffer.byteLength(text) },
    ])
  })

  it('understands the errors', async () => {
    const stranger = new IterableClient({ apiKey: '0'.repeat(32), baseUrl: sandbox.url })
    await expect(stranger.getLists()).rejects.toMatchObject({ statusCode: 401, code: 'BadApiKey' })
    stranger.destroy()
    await expect(client.getListUsers({ listId: 999 })).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('error.lists.invalidListId(999)') as string,
    })
  })
})
