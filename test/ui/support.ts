/** The operations page under test: a server of its own, and visitors who come over a real socket. */
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Config } from '../../src/config/schema.ts'
import type { Elt } from '../../src/index.ts'
import { serveUi } from '../../src/ui/server.ts'
import { type Fixture, people } from '../export/support.ts'

export interface PageOptions {
  readonly ui?: Partial<Config['ui']>
  readonly secrets?: readonly string[]
  readonly now?: () => Date
  readonly patience?: { readonly readMs?: number; readonly besideMs?: number; readonly settleMs?: number }
}

/** A machine under load answers late, and says the same. */
const unhurried = { readMs: 30_000, besideMs: 30_000, settleMs: 30_000 }

/** The page of what is open already. */
export async function servePage(
  elt: Elt,
  { ui, secrets = [], now = () => new Date(), patience = unhurried }: PageOptions = {},
) {
  const config = { ...elt.config, ui: { ...elt.config.ui, ...ui } }
  const server = await serveUi(
    { ...elt, config },
    { port: 0, host: '127.0.0.1', localName: 'somebody', secrets, now, patience },
  )
  return {
    url: server.url,
    visitor: () => new Visitor(server.url),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Visit {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
}

/** A browser without a window: keeps its cookies, and sends back the token of the form that it saw last. */
class Visitor {
  readonly #url: string
  cookie = ''
  token = ''

  constructor(url: string) {
    this.#url = url
  }

  get(path: string, visit: Visit = {}): Promise<Answer> {
    return this.#visit(path, visit)
  }

  /** Sends a form, with the token unless another is given. */
  post(path: string, form: Readonly<Record<string, string>> = {}, visit: Visit = {}): Promise<Answer> {
    return this.#visit(path, { ...visit, method: 'POST', form: { token: this.token, ...form } })
  }

  async signIn(name: string, password: string): Promise<Answer> {
    return this.post('/sign-in', { name, password, next: '/' })
  }

  async #visit(path: string, { method = 'GET', headers = {}, form }: Visit): Promise<Answer> {
    const body = form && new URLSearchParams(form).toString()
    const asked = request(new URL(path, this.#url), {
      method,
      headers: {
        ...(this.cookie && { Cookie: this.cookie }),
        ...(form && { 'Content-Type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
    })
    asked.end(body)
    const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      asked.once('response', resolve).once('error', reject)
    })
    const answer = {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await text(response),
    }
    const [cookie] = response.headers['set-cookie'] ?? []
    if (cookie) this.cookie = cookie.split(';')[0] as string
    this.token = /name="token" value="([^"]+)"/.exec(answer.body)?.[1] ?? this.token
    return answer
  }
}

/** A mirror of ten people that has lost six of them: its run waits for approval. */
export async function holdMirror({ elt, run, save }: Fixture): Promise<string> {
  await run(`create table iterable.people as ${people(10)}`)
  await save('vip', { action: 'mirror' }, 'select * from iterable.people')
  await elt.export('vip')
  await run('delete from iterable.people where score > 4')
  const { run_id } = await elt.export('vip')
  return run_id
}

/** Every page there is, of a warehouse with this run and export. */
export const pagesOf = (runId: string): readonly string[] => [
  ...['/', '/runs', `/runs/${runId}`, `/runs/${runId}/plan`, '/exports', '/exports/vip', '/schedules'],
  ...['/schedules/sync/backfill', '/person', '/person?who=p1@example.com', '/query', '/marts', '/actions'],
  ...['/marts/campaign_performance', '/marts/campaign_performance_daily', '/marts/deliverability_daily'],
  ...['/marts/list_growth_daily', '/errors'],
  ...['/streams/users', '/streams/email_open', '/streams/email_open?samples=yes'],
]
