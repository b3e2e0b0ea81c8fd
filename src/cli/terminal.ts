/** Where a command's words go: results to stdout, everything else to stderr, and no secret anywhere. */
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import picocolors from 'picocolors'
import { redact } from '../config/secrets.ts'
import type { LiveLines } from './live.ts'
import { printable, table } from './text.ts'

/** A line for people as a line of the log, in the form of pino's. */
const noteLine = (text: string): string =>
  JSON.stringify({ level: 30, time: new Date().toISOString(), msg: stripVTControlCharacters(text) })

type Colors = ReturnType<typeof picocolors.createColors>
type Output = NodeJS.WriteStream

/** Commands within our own texts: in quotes, or behind a colon. */
const proposals = /"iterable-elt [^"\n]+(?=")|: iterable-elt (?:rejects(?: --run [\w-]+)?|runs approve \w+)/g

/** How often a file or a pipe hears how far the work is. */
const plainEveryMs = 10_000

/** What of the process a terminal needs. */
export interface TerminalStreams {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
}

/** In which form things are said, as the options ask for it. */
export interface TerminalForm {
  /** One document on stdout. */
  readonly isJson: boolean
  /** Everything on stderr is a line of JSON. */
  readonly isJsonLog?: boolean
  /** Only what was asked for and what went wrong is told. */
  readonly isQuiet?: boolean
  /** How far the work is, is not told. */
  readonly hidesProgress?: boolean
}

export class Terminal {
  readonly isJson: boolean
  readonly isJsonLog: boolean
  readonly isQuiet: boolean
  readonly hidesProgress: boolean
  /** Colours for stdout, and for stderr. */
  readonly colors: Colors
  readonly noteColors: Colors
  readonly #streams: TerminalStreams
  readonly #secrets: string[] = []
  /** What commands that are proposed take over of the one at work. */
  #takenOver = ''
  #hasDocument = false
  #hasResult = false
  #live: LiveLines | undefined

  constructor(
    streams: TerminalStreams,
    { isJson, isJsonLog = false, isQuiet = false, hidesProgress = false }: TerminalForm,
  ) {
    const isWanted = !streams.env.NO_COLOR && streams.env.TERM !== 'dumb'
    this.#streams = streams
    this.isJson = isJson
    this.isJsonLog = isJsonLog
    this.isQuiet = isQuiet
    this.hidesProgress = hidesProgress || isQuiet
    this.colors = picocolors.createColors(isWanted && streams.stdout.isTTY === true)
    this.noteColors = picocolors.createColors(isWanted && streams.stderr.isTTY === true)
  }

  /** True where stderr is a terminal, on which progress may be drawn; one without a size has no room for it. */
  get isLive(): boolean {
    const { isTTY, columns, rows } = this.#streams.stderr
    const isDrawn = !this.isJsonLog && !this.hidesProgress && this.#streams.env.TERM !== 'dumb'
    return isDrawn && isTTY === true && columns > 0 && rows > 0
  }

  /** The command has told its result. */
  get hasResult(): boolean {
    return this.#hasResult
  }

  get noteStream(): NodeJS.WriteStream {
    return this.#streams.stderr
  }

  get columns(): number {
    return this.#streams.stderr.columns || 80
  }

  /** How many characters a line of stdout holds; a file or a pipe has room for everything. */
  get width(): number {
    return this.#streams.stdout.columns || Number.POSITIVE_INFINITY
  }

  /** True where stdout is a terminal that people look at: bars may stand beside numbers. */
  get isSeen(): boolean {
    return this.#streams.stdout.isTTY === true && this.#streams.env.TERM !== 'dumb'
  }

  /** From now on these are never shown. */
  hide(secrets: readonly string[]): void {
    this.#secrets.push(...secrets)
  }

  redacted(text: string): string {
    return redact(text, this.#secrets)
  }

  /** As it may stand on stderr: without secrets, and without what would steer a terminal. */
  #shown(text: string): string {
    return printable(this.redacted(text), this.noteColors.isColorSupported)
  }

  /** From now on commands that are proposed have these options. */
  proposeWith(options: string): void {
    this.#takenOver = options
  }

  /** A text of ours whose commands find what this one has found. */
  proposing(text: string): string {
    // A function: a path may hold what means something to `replace`.
    return text.replace(proposals, (command) => `${command}${this.#takenOver}`)
  }

  /** A line of the result, for people: stdout, or stderr where stdout is kept for one JSON document. */
  say(text = ''): void {
    if (this.isJson) this.note(text)
    else this.#streams.stdout.write(`${printable(this.redacted(text), this.colors.isColorSupported)}\n`)
  }

  /** A table as wide as the terminal allows; columns of `drop` are left out first. */
  sayTable(
    head: readonly string[],
    rows: readonly (readonly string[])[],
    align = '',
    drop: readonly string[] = [],
  ): void {
    this.say(table(head, rows, align, { width: this.width, drop }))
  }

  /** A line beside the result, which nobody misses who asked for quiet. */
  note(text: string): void {
    if (!this.isQuiet) this.warn(text)
  }

  /** A line that everybody has to see; above what is drawn in place, where something is. */
  warn(text: string): void {
    const line = this.isJsonLog ? noteLine(this.redacted(text)) : this.#shown(text)
    if (this.#live) this.#live.persist(line)
    else this.#streams.stderr.write(`${line}\n`)
  }

  /** A line of the log, in the form that it has already. */
  log(line: string): void {
    if (this.#live) this.#live.persist(this.#shown(line))
    else this.#streams.stderr.write(`${this.#shown(line)}\n`)
  }

  /** Takes away what is drawn in place: the process is about to end. */
  endLive(): void {
    this.#live?.stop()
    this.#live = undefined
  }

  /** Lines that change in place, until they are stopped. */
  #goLive(lines: () => readonly string[]): { stop(): Promise<void> } {
    const opening = import('./live.ts').then(({ LiveLines }) => {
      if (!isStopped)
        this.#live = new LiveLines(this.#streams.stderr, () => lines().map((line) => this.#shown(line)))
    })
    let isStopped = false
    return {
      stop: async () => {
        isStopped = true
        await opening
        this.endLive()
      },
    }
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
    this.#hasResult = true
    if (this.isJson) this.document(value)
    else sayIt()
  }

  /** What became of work: where all went well, whoever asked for quiet need not hear of it. */
  outcome(value: unknown, { isFine }: { readonly isFine: boolean }, sayIt: () => void): void {
    if (this.isJson || !isFine || !this.isQuiet) this.result(value, sayIt)
  }

  /** Draws progress in place on a terminal; elsewhere a line now and then. Nothing, where it is not wanted. */
  showProgress({ lines, line }: { lines(): readonly string[]; line(): string }): { stop(): Promise<void> } {
    if (this.isLive) return this.#goLive(lines)
    const timer = this.hidesProgress ? undefined : setInterval(() => this.note(line()), plainEveryMs)
    timer?.unref()
    return { stop: async () => clearInterval(timer) }
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
