/** Where a command's words go: results to stdout, everything else to stderr, and no secret anywhere. */
import { once } from 'node:events'
import picocolors from 'picocolors'
import { redact } from '../config/secrets.ts'

type Colors = ReturnType<typeof picocolors.createColors>
type Stream = NodeJS.WriteStream

/** What of the process a terminal needs. */
export interface TerminalStreams {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: Readonly<Record<string, string | undefined>>
}

export class Terminal {
  readonly isJson: boolean
  /** Colours for stdout, and for stderr. */
  readonly colors: Colors
  readonly noteColors: Colors
  readonly #streams: TerminalStreams
  readonly #secrets: string[] = []
  #hasDocument = false

  constructor(streams: TerminalStreams, { isJson }: { readonly isJson: boolean }) {
    const isWanted = !streams.env.NO_COLOR && streams.env.TERM !== 'dumb'
    this.#streams = streams
    this.isJson = isJson
    this.colors = picocolors.createColors(isWanted && streams.stdout.isTTY === true)
    this.noteColors = picocolors.createColors(isWanted && streams.stderr.isTTY === true)
  }

  /** True where stderr is a terminal, on which progress may be drawn. */
  get isLive(): boolean {
    return this.#streams.stderr.isTTY === true && this.#streams.env.TERM !== 'dumb'
  }

  get noteStream(): NodeJS.WriteStream {
    return this.#streams.stderr
  }

  get columns(): number {
    return this.#streams.stderr.columns ?? 80
  }

  /** How many characters a line of stdout holds; a file or a pipe has room for everything. */
  get width(): number {
    return this.#streams.stdout.columns ?? Number.POSITIVE_INFINITY
  }

  /** From now on these are never shown. */
  hide(secrets: readonly string[]): void {
    this.#secrets.push(...secrets)
  }

  redacted(text: string): string {
    return redact(text, this.#secrets)
  }

  /** A line of the result, for people: stdout, or stderr where stdout is kept for one JSON document. */
  say(text = ''): void {
    const { stdout, stderr } = this.#streams
    ;(this.isJson ? stderr : stdout).write(`${this.redacted(text)}\n`)
  }

  /** A line beside the result. */
  note(text: string): void {
    this.#streams.stderr.write(`${this.redacted(text)}\n`)
  }

  /** The one document of `--json`; false where stdout has one already. */
  document(value: unknown): boolean {
    if (this.#hasDocument) return false
    this.#hasDocument = true
    const hideIn = (_: string, member: unknown) =>
      typeof member === 'string' ? this.redacted(member) : member
    this.#streams.stdout.write(`${JSON.stringify(value, hideIn, 2)}\n`)
    return true
  }

  /** The result of a command, in whichever form is asked for. */
  result(value: unknown, sayIt: () => void): void {
    if (this.isJson) this.document(value)
    else sayIt()
  }

  /** Data on its way to stdout, as it is; resolves when there is room for more. */
  async write(text: string): Promise<void> {
    const { stdout } = this.#streams
    this.#hasDocument ||= text !== ''
    if (!stdout.write(text)) await once(stdout, 'drain')
  }

  /** Resolves when everything written has left the process. */
  async flush(): Promise<void> {
    const { stdout, stderr } = this.#streams
    for (const stream of [stdout, stderr]) {
      if (!stream.writable) continue
      await new Promise<void>((resolve) => stream.write('', () => resolve()))
    }
  }
}
