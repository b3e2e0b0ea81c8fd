/** What templates say: each that changed is read once, and again for each further locale. */
import { templateTypes } from '../catalog/entities.ts'
import type { EndpointName, IterableResponse } from '../iterable/client.ts'
import { membersOf } from '../json/members.ts'
import { campaignsRead } from './metrics.ts'
import { documentLine, withFields } from './readers.ts'
import type { CountingClient } from './source.ts'
import { timeOf } from './times.ts'
import {
  elementsOf,
  type IndexRecord,
  indexRecord,
  readIndex,
  unlessMissing,
  type WalkReader,
} from './walk.ts'

type Medium = 'Email' | 'SMS' | 'Push' | 'InApp' | 'Embedded'

const endpointOf = {
  Email: 'email_template',
  SMS: 'sms_template',
  Push: 'push_template',
  InApp: 'in_app_template',
  Embedded: 'embedded_template',
} as const satisfies Record<Medium, EndpointName>

/** What Iterable names no locale for. */
const unnamedLocale = 'default'

interface Template {
  readonly id: string
  readonly clientId: string | undefined
  readonly updatedAt: Date | undefined
}

/** A reader of the contents of one medium. A template without content (404) has no row. */
export function contentsOf(medium: Medium): WalkReader {
  return async ({ client, sink, since }) => {
    for (const template of await templatesOf(client, medium)) {
      if (since && template.updatedAt && template.updatedAt < since) continue
      const usual = await contentOf(client, medium, template, undefined)
      if (usual) await sink.write(usual.line)
      for (const locale of await localesOf(client, template)) {
        if (locale === usual?.locale) continue
        const further = await contentOf(client, medium, template, locale)
        if (further) await sink.write(further.line)
      }
    }
  }
}

/** The templates of a medium. The index lists no embedded ones: those that campaigns use are known. */
async function templatesOf(client: CountingClient, medium: Medium): Promise<readonly Template[]> {
  const found = new Map<string, Template>()
  const add = (record: IndexRecord) => {
    const template = templateOf(record)
    const before = template && found.get(template.id)
    const isNewer =
      !before?.updatedAt || (template?.updatedAt !== undefined && before.updatedAt < template.updatedAt)
    if (template && isNewer) found.set(template.id, template)
  }
  if (medium === 'Embedded') {
    const campaigns = await readIndex(client, campaignsRead)
    for (const campaign of campaigns) if (/^embedded/i.test(String(campaign.messageMedium))) add(campaign)
    return [...found.values()]
  }
  const templates = await readIndex(client, {
    kind: 'documents',
    endpoint: 'templates',
    property: 'templates',
    paged: true,
    queries: templateTypes.map((templateType) => ({ templateType, messageMedium: medium })),
  })
  for (const template of templates) add(template)
  return [...found.values()]
}

function templateOf({ templateId, clientTemplateId, updatedAt }: IndexRecord): Template | undefined {
  if (!/^\d+$/.test(String(templateId))) return undefined
  const clientId =
    typeof clientTemplateId === 'string' && clientTemplateId !== '' ? clientTemplateId : undefined
  return { id: String(templateId), clientId, updatedAt: timeOf(updatedAt) }
}

/** The locales of a template; Iterable tells them only of those that have an id of their maker's. */
async function localesOf(client: CountingClient, { id, clientId }: Template): Promise<readonly string[]> {
  if (clientId === undefined) return []
  const query = { clientTemplateId: clientId }
  const use = (answer: IterableResponse) => elementsOf(answer, 'templates', 'template_locales')
  const lines = (await unlessMissing(client.whole('template_locales', use, { query }))) ?? []
  const locales = lines.map(indexRecord).find(({ templateId }) => String(templateId) === id)?.locales
  return Array.isArray(locales) ? locales.filter((locale) => typeof locale === 'string') : []
}

async function contentOf(
  client: CountingClient,
  medium: Medium,
  { id, updatedAt }: Template,
  locale: string | undefined,
): Promise<{ line: Buffer; locale: string } | undefined> {
  const endpoint = endpointOf[medium]
  const use = ({ body }: IterableResponse) => documentLine(body, endpoint)
  const query = { templateId: id, locale }
  const text = await unlessMissing(client.whole(endpoint, use, { query }))
  if (!text) return undefined
  const named = (JSON.parse(text.toString()) as IndexRecord | null)?.locale
  const known = typeof named === 'string' && named !== '' ? named : (locale ?? unnamedLocale)
  // The last of two members of one name counts.
  const fields = { ...(updatedAt && { updatedAt: updatedAt.toISOString() }), templateId: id, locale: known }
  const line = withFields(text, fields, endpoint)
  return { line: Buffer.concat([known === named ? line : withLocale(line, known), newline]), locale: known }
}

/** The record with a locale in place of whatever it says itself (null, an empty text); all else stays as it is written. */
function withLocale(record: Buffer, locale: string): Buffer {
  const members = [...membersOf(record)]
    .filter(({ key }) => key !== 'locale')
    .map(({ key, value }) => `${JSON.stringify(key)}:${value}`)
  return Buffer.from(`{${[...members, `"locale":${JSON.stringify(locale)}`].join(',')}}`)
}

const newline = Buffer.from('\n')
