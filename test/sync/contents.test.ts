/** Contents of templates: what changed is read, in every locale. */
import { expect } from 'vitest'
import { days, hours, of, outcome, startProject, syncOnce } from '../support/sync.ts'
import { eachWarehouse } from '../support/warehouse.ts'

const sync = { streams: ['contents'], complete_dimensions: true }

eachWarehouse(
  'have a row for each template and locale, and none for a template without',
  async (warehouse) => {
    await using sandbox = await startProject()
    expect(outcome(await syncOnce(sandbox, warehouse, { sync }))).toEqual({ state: 'succeeded', wrong: [] })

    const rows = await warehouse.query(`select "templateId" as id, locale from iterable.email_templates`)
    const emails = sandbox.data.templates.filter(({ messageMedium }) => messageMedium === 'Email')
    const expected = emails.flatMap(({ templateId, templateType, clientTemplateId }) => {
      if (templateType === 'Base' && Number(templateId) % 2 === 0) return []
      const locales = clientTemplateId === undefined ? ['en'] : ['en', 'de', 'ja-JP']
      return locales.map((locale) => `${templateId} ${locale}`)
    })
    expect(rows.map(({ id, locale }) => `${id} ${locale}`).sort()).toEqual(expected.sort())
    expect(expected.length).toBeGreaterThan(emails.length)
    const embedded = await warehouse.query(
      `select "templateId" as id, title, "placementId" as place, "updatedAt" as at from iterable.embedded_templates order by 1`,
    )
    expect(embedded.map(({ id, title, place }) => [Number(id), title, Number(place)])).toEqual([
      [3_360_001, 'Banner 1', 77],
      [3_360_002, 'Banner 2', 77],
    ])
    for (const table of ['sms_templates', 'push_templates', 'in_app_templates']) {
      const [count] = await warehouse.query(
        `select count(*) as rows from iterable.${table} where "updatedAt" is not null`,
      )
      expect(Number(count?.rows), table).toBeGreaterThan(0)
    }
  },
)

eachWarehouse('are asked for again only where they changed', async (warehouse) => {
  await using sandbox = await startProject()
  await syncOnce(sandbox, warehouse, { sync })
  sandbox.advance(days(1))
  const changed = sandbox.data.templates.find(
    ({ messageMedium, templateType }) => messageMedium === 'SMS' && templateType === 'Blast',
  )
  if (!changed) throw new Error('the sandbox has text messages')
  changed.updatedAt = sandbox.now.getTime() - hours(2)
  const before = sandbox.requests.length
  const report = await syncOnce(sandbox, warehouse, { sync })
  const asked = sandbox.requests.slice(before).filter(({ path }) => path.endsWith('/get'))
  expect(new Set(asked.map(({ query }) => query.templateId))).toEqual(new Set([String(changed.templateId)]))
  expect(of(report, 'sms_templates').rows_written).toBeGreaterThan(0)
  expect(of(report, 'email_templates').rows_written).toBe(0)

  // Without anything new there is nothing to pay for but the index.
  expect(of(await syncOnce(sandbox, warehouse, { sync }), 'sms_templates').rows_written).toBe(0)
})

eachWarehouse('get a locale where Iterable names none, and keep every digit', async (warehouse) => {
  await using sandbox = await startProject()
  const template = sandbox.data.templates.find(({ messageMedium }) => messageMedium === 'SMS')
  const body = `{"templateId":${template?.templateId},"locale":null,"message":"Hello","feed":9007199254740993}`
  const query = { templateId: String(template?.templateId) }
  const headers = { 'content-type': 'application/json' }
  sandbox.faults.next({ fault: { status: 200, body, headers }, path: '/api/templates/sms/get', query })
  await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['sms_templates'] } })
  const rows = await warehouse.query(
    `select locale, cast(feed as varchar) as feed from iterable.sms_templates where "templateId" = ${template?.templateId} and message = 'Hello'`,
  )
  expect(rows).toEqual([{ locale: 'default', feed: '9007199254740993' }])
})

eachWarehouse('are found by ids that no double holds, in every locale', async (warehouse) => {
  await using sandbox = await startProject()
  const id = '9007199254740993'
  const answer = (path: string, body: string, query: Record<string, string> = {}) =>
    sandbox.faults.next({
      fault: { status: 200, body, headers: { 'content-type': 'application/json' } },
      path,
      query,
      times: Number.POSITIVE_INFINITY,
    })
  answer('/api/templates/sms/get', `{"templateId":${id},"locale":"de"}`, { templateId: id, locale: 'de' })
  answer('/api/templates/sms/get', `{"templateId":${id},"locale":"en"}`, { templateId: id })
  answer('/api/templates/getByClient', `{"templates":[{"templateId":${id},"locales":["en","de"]}]}`)
  answer('/api/templates', `{"templates":[{"templateId":${id},"clientTemplateId":"x"}]}`, { page: '1' })
  await syncOnce(sandbox, warehouse, { sync: { ...sync, streams: ['sms_templates'] } })
  const rows = await warehouse.query(
    `select cast("templateId" as varchar) as id, locale from iterable.sms_templates order by locale`,
  )
  expect(rows).toEqual([
    { id, locale: 'de' },
    { id, locale: 'en' },
  ])
})
