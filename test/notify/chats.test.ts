/** Messages in the forms of Slack and Microsoft Teams, to receivers that refuse what the real ones refuse. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { messageAbout } from '../../src/notify/message.ts'
import type { slackOf } from '../../src/notify/slack.ts'
import { formatOf, postWebhook, type WebhookTarget } from '../../src/notify/webhook.ts'
import type { Happening } from '../../src/state/schedules.ts'

const text = z.strictObject({ type: z.literal(['mrkdwn']), text: z.string().min(1).max(3_000) })

/** Block Kit, as far as its documentation limits it. */
const slackBody = z.strictObject({
  text: z.string().min(1).max(40_000),
  blocks: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('header'),
          text: z.strictObject({
            type: z.literal('plain_text'),
            text: z.string().min(1).max(150),
            emoji: z.boolean(),
          }),
        }),
        z
          .strictObject({
            type: z.literal('section'),
            text: text.optional(),
            fields: z
              .array(text.extend({ text: z.string().min(1).max(2_000) }))
              .min(1)
              .max(10)
              .optional(),
          })
          .refine((section) => section.text !== undefined || section.fields !== undefined),
      ]),
    )
    .min(1)
    .max(50),
})

const look = {
  color: z.enum(['default', 'dark', 'light', 'accent', 'good', 'warning', 'attention']).optional(),
  size: z.enum(['small', 'default', 'medium', 'large', 'extraLarge']).optional(),
  weight: z.enum(['lighter', 'default', 'bolder']).optional(),
  fontType: z.enum(['default', 'monospace']).optional(),
}

/** Adaptive Cards 1.4 in the envelope of a workflow. */
const teamsBody = z.strictObject({
  type: z.literal('message'),
  attachments: z
    .array(
      z.strictObject({
        contentType: z.literal('application/vnd.microsoft.card.adaptive'),
        contentUrl: z.null(),
        content: z.strictObject({
          $schema: z.literal('http://adaptivecards.io/schemas/adaptive-card.json'),
          type: z.literal('AdaptiveCard'),
          version: z.literal(['1.0', '1.1', '1.2', '1.3', '1.4', '1.5']),
          fallbackText: z.string(),
          body: z.array(
            z.discriminatedUnion('type', [
              z.strictObject({
                type: z.literal('RichTextBlock'),
                inlines: z
                  .array(z.strictObject({ type: z.literal('TextRun'), text: z.string().min(1), ...look }))
                  .min(1),
              }),
              z.strictObject({
                type: z.literal('FactSet'),
                facts: z.array(z.strictObject({ title: z.string().min(1), value: z.string().min(1) })).min(1),
              }),
            ]),
          ),
        }),
      }),
    )
    .length(1),
})

/** Half a surrogate pair is no text to them. */
const isWellFormed = (body: string) => !/\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])/.test(body)

function answerAsSlack(body: string, response: ServerResponse): void {
  const refuse = (status: number, code: string) =>
    response.writeHead(status, { 'content-type': 'text/html' }).end(code)
  const document = isWellFormed(body) ? JSON.parse(body) : undefined
  if (document === undefined) refuse(400, 'invalid_payload')
  else if (!('text' in document) && !('blocks' in document)) refuse(400, 'no_text')
  else if (!slackBody.safeParse(document).success) refuse(400, 'invalid_blocks')
  else response.writeHead(200, { 'content-type': 'text/html' }).end('ok')
}

/** A workflow takes nearly everything with 202 and fails afterwards; the connectors before it said so with a 200. */
function answerAsTeams(body: string, response: ServerResponse): void {
  if (Buffer.byteLength(body) > 28 * 1024)
    response.end(
      'Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413',
    )
  else if (!isWellFormed(body) || !teamsBody.safeParse(JSON.parse(body)).success)
    response.writeHead(400).end('{"error":{"code":"TriggerInputSchemaMismatch"}}')
  else response.writeHead(202).end()
}

let chats: { readonly url: string; readonly bodies: string[]; close(): void }
beforeAll(async () => {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    const parts = await request.toArray()
    const body = Buffer.concat(parts).toString()
    bodies.push(body)
    if (request.url?.startsWith('/slack')) answerAsSlack(body, response)
    else answerAsTeams(body, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  chats = { url, bodies, close: () => server.close().closeAllConnections() }
})
afterAll(() => chats.close())

const at = new Date('2026-03-01T06:00:05Z')
const base: Happening = {
  event: 'failure',
  job: 'export:vip',
  runId: '508a1087-0000',
  state: 'failed',
  nominalAt: at,
  code: 'unknown_list',
  text: 'list 12 is unknown',
  at,
  since: at,
  failures: 1,
}
const send = (target: WebhookTarget, given: Partial<Happening>) => {
  const rows = { read: 10_000, written: 9_999, rejected: 1 }
  const message = messageAbout({ ...base, ...given }, { id: 'one', rows, hide: (said) => said })
  return postWebhook(target, message, { env: {}, version: '0' })
}
const targets = () =>
  [
    { url: `${chats.url}/slack`, format: 'slack' },
    { url: `${chats.url}/teams`, format: 'teams' },
  ] as const

describe('Slack and Teams take', () => {
  test.each(['success', 'failure', 'held', 'recovery', 'paused'] as const)(
    'what is told of %s',
    async (event) => {
      for (const target of targets()) await send(target, { event })
      const [slack, teams] = chats.bodies.slice(-2).map((body) => JSON.parse(body))
      for (const body of [slack, teams])
        expect(JSON.stringify(body)).toContain('iterable-elt runs 508a1087-0000')
      expect(slack.text).toContain(event === 'paused' ? 'The schedule of the export vip' : 'The export vip')
    },
  )

  test.each([
    ['a long error', { text: 'x'.repeat(5_000) }],
    ['signs that Slack escapes', { text: '<&>'.repeat(2_000), job: '<!channel> & <@U123>' }],
    ['signs of formatting', { text: '```*bold* _it_ [a](b)`', job: '*_`[job](http://x)' }],
    ['a long name', { job: '&'.repeat(400) }],
    ['characters cut in two', { text: `${'x'.repeat(999)}😀`, job: `${'y'.repeat(99)}😀` }],
    ['half a character', { text: '\ud83d', job: '\ude00' }],
    ['lines in a name', { job: 'a\nb\u2028c' }],
    ['nothing but an event', { runId: null, nominalAt: null, code: null, text: null, since: null }],
    ['an error without words', { text: null }],
    ['an empty name', { job: '' }],
  ])('%s', async (_, given) => {
    for (const event of ['failure', 'paused', 'held'] as const) {
      for (const target of targets()) await send(target, { ...given, event })
    }
  })
})

test('nobody is called by what a job is named, and no sign is cut in two', async () => {
  for (const target of targets()) await send(target, { job: '<!channel>', text: `${'&'.repeat(5_000)}` })
  const [slack] = chats.bodies.slice(-2).map((body) => JSON.parse(body) as ReturnType<typeof slackOf>)
  expect(slack?.text).toBe('The &lt;!channel&gt; failed')
  const said = JSON.stringify(slack)
  expect(said).not.toContain('<!channel>"')
  expect(said.replaceAll(/&(amp|lt|gt);/g, '').replaceAll('<!channel> failed', '')).not.toMatch(/[&]|<!/)
})

test('a refusal is told with the words of the chat, also where Teams says 200', async () => {
  const [slack, teams] = targets()
  await expect(send({ ...slack, format: 'json' }, {})).rejects.toThrow('the webhook answered 400: no_text')
  await expect(send({ ...slack, format: 'teams' }, {})).rejects.toThrow('the webhook answered 400: no_text')
  await expect(send({ ...teams, format: 'json' }, {})).rejects.toThrow(
    /answered 400: .*TriggerInputSchemaMismatch/,
  )
  const large = messageAbout(base, { id: 'one', rows: null, hide: (said) => said })
  const told = { ...large, error: { code: 'c', text: 'x'.repeat(30_000) } }
  await expect(postWebhook(teams, told, { env: {}, version: '0' })).rejects.toThrow(
    /the webhook answered 200: .*HTTP error 413/,
  )
})

test.each([
  ['https://hooks.slack.com/services/T0/B0/x', 'slack'],
  ['https://hooks.slack-gov.com/services/T0/B0/x', 'slack'],
  ['https://hooks.slack.com/triggers/T0/1/x', 'json'],
  ['https://acme.webhook.office.com/webhookb2/x', 'teams'],
  ['https://prod-12.westeurope.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke?sig=y', 'teams'],
  [
    'https://default0.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/x',
    'teams',
  ],
  ['https://hooks.slack.com.example.org/services/x', 'json'],
  ['https://example.org/workflows/x', 'json'],
])('without a format the host of %s tells: %s', (url, format) => {
  expect(formatOf(url)).toBe(format)
})
