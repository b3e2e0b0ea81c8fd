/** Who is looking: sessions in signed cookies, and the tokens that forms must bring back. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { isSameSecret } from './passwords.ts'

export type Role = 'viewer' | 'operator'

export interface UiSession {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly untilMs: number
  /** Nobody has signed in: whoever sits at this machine may say who they are. */
  readonly isLocal: boolean
}

/**
 * The key lives as long as the process: a restart ends all sessions, and nothing secret is stored anywhere.
 */
export class Sessions {
  readonly #key = randomBytes(32)
  readonly #ended = new Map<string, number>()
  readonly #lengthMs: number

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs
  }

  begin({ name, role, isLocal }: Pick<UiSession, 'name' | 'role' | 'isLocal'>, now: Date): UiSession {
    return { id: randomUUID(), name, role, isLocal, untilMs: now.getTime() + this.#lengthMs }
  }

  /** What stands in the cookie. */
  seal(session: UiSession): string {
    const text = Buffer.from(JSON.stringify(session)).toString('base64url')
    return `${text}.${this.#sign('session', text)}`
  }

  /** Undefined for a cookie that is none of ours, has run out or was signed out. */
  open(cookie: string | undefined, now: Date): UiSession | undefined {
    const [text = '', signature = ''] = cookie?.split('.') ?? []
    if (!isSameText(signature, this.#sign('session', text))) return undefined
    const session = JSON.parse(Buffer.from(text, 'base64url').toString()) as UiSession
    return session.untilMs > now.getTime() && !this.#ended.has(session.id) ? session : undefined
  }

  end({ id, untilMs }: UiSession, now: Date): void {
    for (const [ended, until] of this.#ended) if (until <= now.getTime()) this.#ended.delete(ended)
    this.#ended.set(id, untilMs)
  }

  /** What every form of this session carries: another site cannot know it. */
  formToken({ id }: UiSession): string {
    return this.#sign('form', id)
  }

  isFormToken(session: UiSession, given: unknown): boolean {
    return typeof given === 'string' && isSameText(given, this.formToken(session))
  }

  #sign(purpose: string, text: string): string {
    return createHmac('sha256', this.#key).update(`${purpose}:${text}`).digest('base64url')
  }
}

export const isSameText = (a: string, b: string): boolean => isSameSecret(Buffer.from(a), Buffer.from(b))
