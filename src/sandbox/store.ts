/** People and their membership in lists. A profile's line for the export is made once and kept until it changes. */
import type { ListRow, MemberSet, Row, SandboxProjectType, UserStore } from './options.ts'
import { readTime } from './times.ts'

interface Entry {
  profile: Row
  readonly lists: Set<number>
  line: string | undefined
  at: number | undefined
}

const linesPerChunk = 2000

export class People implements UserStore {
  readonly #entries = new Set<Entry>()
  readonly #byEmail = new Map<string, Entry>()
  readonly #byUserId = new Map<string, Entry>()
  readonly #lists = new Map<number, Set<Entry>>()
  readonly #projectType: SandboxProjectType
  readonly #listRows: readonly ListRow[]

  constructor(projectType: SandboxProjectType, listRows: readonly ListRow[]) {
    this.#projectType = projectType
    this.#listRows = listRows
  }

  get size(): number {
    return this.#entries.size
  }

  put(...profiles: Row[]): void {
    for (const profile of profiles) {
      const known = this.#find(profile)
      if (known) this.#forgetNames(known)
      const entry = known ?? { profile, lists: new Set<number>(), line: undefined, at: undefined }
      const email = profile.email
      entry.profile = typeof email === 'string' ? { ...profile, email: email.toLowerCase() } : { ...profile }
      entry.line = undefined
      this.#entries.add(entry)
      this.#learnNames(entry)
    }
  }

  get(identifier: string): Row | undefined {
    const entry = this.#entry(identifier)
    return entry && this.#shown(entry)
  }

  remove(identifier: string): boolean {
    const entry = this.#entry(identifier)
    if (!entry) return false
    this.#forgetNames(entry)
    for (const listId of entry.lists) this.#lists.get(listId)?.delete(entry)
    return this.#entries.delete(entry)
  }

  all(): Row[] {
    return [...this.#entries].map((entry) => this.#shown(entry))
  }

  clear(): void {
    for (const index of [this.#entries, this.#byEmail, this.#byUserId, this.#lists]) index.clear()
  }

  /** Lines of the user export whose profileUpdatedAt lies in [from, to), and those that have none. */
  *read(from: number, to: number): Generator<Buffer> {
    let lines: string[] = []
    for (const entry of this.#entries) {
      if (entry.line === undefined) {
        const row = this.#shown(entry)
        entry.line = JSON.stringify(row)
        entry.at = readTime(row.profileUpdatedAt)
      }
      if (entry.at !== undefined && (entry.at < from || entry.at >= to)) continue
      if (lines.push(entry.line) === linesPerChunk) {
        yield Buffer.from(`${lines.join('\n')}\n`)
        lines = []
      }
    }
    if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`)
  }

  members(listId: number): MemberSet & { identifiers(preferUserId: boolean): string[] } {
    const members = this.#lists.get(listId) ?? new Set<Entry>()
    this.#lists.set(listId, members)
    const identifiers = (preferUserId: boolean) =>
      Array.from(members, ({ profile }) => nameOf(profile, preferUserId))
    return {
      get size() {
        return members.size
      },
      has: (identifier) => members.has(this.#entry(identifier)!),
      add: (...names) => {
        for (const name of names) {
          if (!this.#entry(name)) this.put(name.includes('@') ? { email: name } : { userId: name })
          this.#join(this.#entry(name)!, listId, members)
        }
      },
      delete: (identifier) => {
        const entry = this.#entry(identifier)
        if (!entry) return false
        entry.lists.delete(listId)
        entry.line = undefined
        return members.delete(entry)
      },
      all: () => identifiers(false).sort(),
      identifiers,
    }
  }

  dropList(listId: number): void {
    for (const entry of this.#lists.get(listId) ?? []) {
      entry.lists.delete(listId)
      entry.line = undefined
    }
    this.#lists.delete(listId)
  }

  #join(entry: Entry, listId: number, members: Set<Entry>): void {
    if (members.has(entry)) return
    members.add(entry)
    entry.lists.add(listId)
    entry.line = undefined
  }

  #entry(identifier: string): Entry | undefined {
    return this.#byUserId.get(identifier) ?? this.#byEmail.get(identifier.toLowerCase())
  }

  #find({ email, userId }: Row): Entry | undefined {
    const byEmail = typeof email === 'string' ? this.#byEmail.get(email.toLowerCase()) : undefined
    const byUserId = typeof userId === 'string' ? this.#byUserId.get(userId) : undefined
    if (this.#projectType === 'email') return typeof email === 'string' ? byEmail : byUserId
    if (this.#projectType === 'userId') return byUserId
    return byUserId ?? byEmail
  }

  #learnNames(entry: Entry): void {
    const { email, userId } = entry.profile
    if (typeof email === 'string' && !this.#byEmail.has(email)) this.#byEmail.set(email, entry)
    if (typeof userId === 'string' && !this.#byUserId.has(userId)) this.#byUserId.set(userId, entry)
  }

  #forgetNames(entry: Entry): void {
    const { email, userId } = entry.profile
    if (this.#byEmail.get(String(email)) === entry) this.#byEmail.delete(String(email))
    if (this.#byUserId.get(String(userId)) === entry) this.#byUserId.delete(String(userId))
  }

  /** The profile with its static lists. */
  #shown({ profile, lists }: Entry): Row {
    const field = this.#projectType === 'email' ? 'emailListIds' : 'userListIds'
    const fixed = [...lists].filter(
      (id) => this.#listRows.find((list) => list.id === id)?.listType !== 'Dynamic',
    )
    return fixed.length > 0 ? { ...profile, [field]: fixed.sort((a, b) => a - b) } : profile
  }
}

function nameOf({ email, userId }: Row, preferUserId: boolean): string {
  return String(preferUserId ? (userId ?? email) : (email ?? userId))
}
