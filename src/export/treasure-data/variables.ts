/** `_export` of a digdag workflow: variables of a task and of all below it, and what stands for the settings of `td>`. */

export type Block = Readonly<Record<string, unknown>>

export const isBlock = (value: unknown): value is Block =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Deeper than any sane workflow: variables that name each other in a circle stay as they are. */
const mostSteps = 10
/** Longer than any query: variables that grow by naming others many times stay as they are, too. */
const mostCharacters = 1_000_000

/** What is exported to a task, and which of it was used. */
export class Variables {
  readonly #values: Block
  readonly #used: Set<string>
  readonly #texts = new Map<string, string>()

  constructor(values: Block = {}, used: Set<string> = new Set()) {
    this.#values = values
    this.#used = used
  }

  /** With those of one more task; what stands below `td` is added to what stands there already, as digdag does. */
  with(own: Block): Variables {
    const td = { ...this.#td, ...(isBlock(own.td) ? own.td : {}) }
    return new Variables({ ...this.#values, ...own, td }, this.#used)
  }

  /** A task of `td>` with what is exported for it, the variables in all its texts replaced. */
  settle(task: Block): Block {
    return this.fill({ ...this.#td, ...task }) as Block
  }

  /** Replaces `${name}` and `${name.member}` in every text of the value; what is not exported stays as it is. */
  fill(value: unknown): unknown {
    if (typeof value === 'string') return this.#fillText(value, mostSteps)
    if (Array.isArray(value)) return value.map((item) => this.fill(item))
    if (!isBlock(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.fill(item)]))
  }

  isUsed(name: string): boolean {
    return this.#used.has(name)
  }

  get #td(): Block {
    return isBlock(this.#values.td) ? this.#values.td : {}
  }

  #fillText(text: string, steps: number): string {
    const filled = text.replaceAll(
      /\$\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}/g,
      (whole, path: string) => this.#textOf(path, steps) ?? whole,
    )
    return filled.length > mostCharacters ? text : filled
  }

  /** What stands for a variable, filled itself: once, however often others name it. */
  #textOf(path: string, steps: number): string | undefined {
    const value = this.#find(path.split('.'))
    if (value === undefined || value === null || typeof value === 'object' || steps === 0) return undefined
    this.#used.add(path.split('.')[0] as string)
    const key = `${steps} ${path}`
    const text = this.#texts.get(key) ?? this.#fillText(String(value), steps - 1)
    this.#texts.set(key, text)
    return text
  }

  #find(path: readonly string[]): unknown {
    return path.reduce<unknown>(
      (block, name) => (isBlock(block) && Object.hasOwn(block, name) ? block[name] : undefined),
      this.#values,
    )
  }
}
