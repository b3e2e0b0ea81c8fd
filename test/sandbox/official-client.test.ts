import { IterableClient } from '@iterable/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'

let sandbox: Sandbox
let client: IterableClient

beforeAll(async () => {
  sandbox = await startSandbox({ rateLimits: 'off', jobMs: 300 })
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

  it('reads contents of templates, also by their locales', async () => {
    const read = {
      Email: client.getEmailTemplate.bind(client),
      SMS: client.getSMSTemplate.bind(client),
      Push: client.getPushTemplate.bind(client),
      InApp: client.getInAppTemplate.bind(client),
    }
    for (const [medium, get] of Object.entries(read)) {
      const rows = sandbox.data.templates.filter(
        (row) => row.messageMedium === medium && row.templateType !== 'Base',
      )
      const templateId = Number(rows[0]!.templateId)
      expect(await get({ templateId })).toMatchObject({ templateId, locale: 'en', isDefaultLocale: true })
    }
    const translated = sandbox.data.templates.find(
      (row) => row.clientTemplateId && row.templateType !== 'Base',
    )!
    const found = await client.getTemplateByClientId({
      clientTemplateId: String(translated.clientTemplateId),
    })
    expect(found.templates[0]!.locales).toEqual(['en', 'de', 'ja-JP'])
  })

  it('reads experiments, journeys, snippets, catalogues, webhooks and metrics', async () => {
    const { experiments } = await client.listExperiments({ limit: 100 })
    expect(experiments).toHaveLength(sandbox.data.experiments.length)
    const { id } = experiments[0]!
    expect(await client.getExperiment({ experimentId: id })).toMatchObject({ id })
    expect((await client.getExperimentVariants({ experimentId: id })).variants).toHaveLength(2)
    const figures = await client.getExperimentMetrics({ experimentId: [id] })
    expect(figures.map((row) => row.experimentId)).toEqual([String(id), String(id)])
    const current = await client.getJourneys({ pageSize: 50 })
    const archived = await client.getJourneys({ pageSize: 50, state: ['Archived'] })
    expect(current.totalJourneysCount + archived.totalJourneysCount).toBe(sandbox.data.journeys.length)
    expect((await client.getSnippets()).snippets).toHaveLength(3)
    expect((await client.getWebhooks()).webhooks).toEqual(sandbox.data.webhooks)
    const campaignId = Number(
      sandbox.data.campaigns.find(({ campaignState }) => campaignState === 'Finished')!.id,
    )
    const times = { startDateTime: '2025-01-01T00:00:00Z', endDateTime: '2026-02-01T00:00:00Z' }
    expect(await client.getCampaignMetrics({ campaignId, ...times })).toMatchObject([
      { id: String(campaignId) },
    ])
  })

  it.each(['wrapped', 'flat'] as const)('reads catalogues whose answers are %s', async (catalogForm) => {
    await using own = await startSandbox({
      rateLimits: 'off',
      catalogForm,
      users: 1,
      eventsPerDay: 1,
      days: 1,
    })
    const reader = new IterableClient({ apiKey: own.keys.server, baseUrl: own.url })
    const { catalogNames } = await reader.getCatalogs({ pageSize: 100 })
    expect(catalogNames.map(({ name }) => name)).toEqual(['shops', 'products', 'empty'])
    const { catalogItemsWithProperties } = await reader.getCatalogItems({
      catalogName: 'shops',
      pageSize: 1000,
    })
    expect(catalogItemsWithProperties).toHaveLength(130)
    expect(await reader.getCatalogFieldMappings({ catalogName: 'shops' })).toMatchObject({
      undefinedFields: ['note'],
    })
    reader.destroy()
  })

  it('reads channels, message types and profile fields', async () => {
    expect((await client.getChannels()).channels).toEqual(sandbox.data.channels)
    expect((await client.getMessageTypes()).messageTypes).toHaveLength(sandbox.data.messageTypes.length)
    expect((await client.getUserFields()).fields).toMatchObject({
      Industry: 'string',
      'offers.Intro APR': 'string',
    })
  })

  it('reads what a person was sent, and what waits for them', async () => {
    const email = 'person@example.com'
    const sent = { email, campaignId: 7, templateId: 8, createdAt: '2026-01-30T00:00:00Z' }
    sandbox.data.events('emailSend').push({ ...sent, messageId: 'a' })
    sandbox.data.events('inAppSend').push({ ...sent, messageId: 'b' })
    sandbox.data.events('embeddedSend').push({ ...sent, messageId: 'c', placementId: 1 })
    const { messages } = await client.getSentMessages({ email, limit: 1000, messageMedium: 'Email' })
    expect(messages.map(({ messageId }) => messageId)).toEqual(['a'])
    const { inAppMessages } = await client.getInAppMessages({ email, count: 10 })
    expect(inAppMessages.map(({ messageId }) => messageId)).toEqual(['b'])
    expect((await client.getEmbeddedMessages({ email })).placements).toHaveLength(1)
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
