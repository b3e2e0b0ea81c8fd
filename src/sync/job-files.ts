/** The files of a job: listed page by page, fetched several at once, each written into the sink once and whole. */
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { makeFolder } from '../folders.ts'
import type { Clock } from '../iterable/clock.ts'
import { IterableHttpError, isRetryable, TransferError } from '../iterable/errors.ts'
import { type FilesPage, filesForm } from '../iterable/jobs.ts'
import type { LineSink } from './download.ts'
import type { JobDesk } from './job-desk.ts'
import { JobError, TruncatedJob } from './job-errors.ts'
import type { CountingClient } from './source.ts'
import { faultOfEnd } from './tail.ts'

export interface JobFilesOptions {
  readonly jobId: number
  readonly client: CountingClient
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly desk: JobDesk
  /** For files on their way. */
  readonly directory: string
  readonly sink: LineSink
  /** Looks at a file before any of it is written. */
  readonly inspect?: ((path: string) => Promise<void>) | undefined
}

/** Observed, and nowhere documented: a page with fewer files is the last one. */
const pageFiles = 10
const tries = 4
const mostRenewals = 5
const blockBytes = 2 ** 20

export class JobFiles implements AsyncDisposable {
  readonly #options: JobFilesOptions
  readonly #abort = new AbortController()
  readonly #signal: AbortSignal
  /** One file is written at a time: lines of two must not mix. */
  readonly #turn = pLimit(1)
  /** In the order in which they were listed. */
  readonly #names: string[] = []
  readonly #met = new Set<string>()
  readonly #fetches: Promise<void>[] = []
  /** Bytes of the files that have been written. */
  bytes = 0

  constructor(options: JobFilesOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#abort.signal])
  }

  get count(): number {
    return this.#names.length
  }

  /** Begins to fetch what is there by now and was not listed before. */
  async listNew(): Promise<FilesPage> {
    let page = await this.#page(this.#names.at(-1))
    while (this.#take(page) > 0 && page.files.length >= pageFiles) page = await this.#page(this.#names.at(-1))
    return page
  }

  /**
   * The rest of the files once the job has ended, and the end of all fetching. Where the bytes are those that the job
   * has exported, nothing is missing; else all pages are listed again from the start, up to one that brings nothing.
   * @throws JobError when a file that was listed before is gone.
   */
  async finish(bytesExported: number | undefined): Promise<void> {
    const isFirst = this.#names.length === 0
    await this.listNew()
    await this.#settle()
    if (bytesExported === this.bytes) return
    if (isFirst) {
      // A short page is the last one only as far as anybody knows.
      while (this.#names.length > 0 && this.#take(await this.#page(this.#names.at(-1))) > 0);
    } else {
      const listed = await this.#listAll()
      const gone = this.#names.find((name) => !listed.has(name))
      if (gone !== undefined && !(await this.#listAll()).has(gone)) {
        throw new JobError('failed', `export job ${this.#options.jobId} no longer has its file ${gone}`)
      }
    }
    await this.#settle()
  }

  /** Ends whatever is under way, and removes what is on its way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await Promise.allSettled(this.#fetches)
    await rm(this.#options.directory, { recursive: true, force: true })
  }

  /** Names of all files, by all pages. */
  async #listAll(): Promise<ReadonlySet<string>> {
    const listed = new Set<string>()
    for (let last: string | undefined; ; ) {
      const page = await this.#page(last)
      this.#take(page)
      const before = listed.size
      for (const { file } of page.files) listed.add(file)
      if (listed.size === before) return listed
      last = [...listed].at(-1)
    }
  }

  async #page(startAfter: string | undefined): Promise<FilesPage> {
    const { client, jobId } = this.#options
    const page = await client.json('export_files', {
      form: filesForm,
      path: { jobId },
      query: { startAfter },
    })
    if (page.exportTruncated)
      throw new TruncatedJob(`export job ${jobId} was cut off: it has more than one export brings`)
    return page
  }

  /** Begins to fetch the files of a page that were not met before; returns how many. */
  #take({ files }: FilesPage): number {
    let taken = 0
    for (const { file, url } of files) {
      if (this.#met.has(file)) continue
      this.#met.add(file)
      this.#names.push(file)
      taken += 1
      const number = this.#names.length
      const fetching = this.#options.desk.fileTurn(() => this.#bring(file, url, number))
      fetching.catch(() => {})
      this.#fetches.push(fetching)
    }
    return taken
  }

  /** Waits for all files. @throws what the first of them that cannot be had says. */
  async #settle(): Promise<void> {
    await Promise.all(this.#fetches)
  }

  async #bring(name: string, url: string, number: number): Promise<void> {
    this.#signal.throwIfAborted()
    // Names are Iterable's; a path is made of none of them.
    const path = join(this.#options.directory, `${number}.part`)
    await makeFolder(this.#options.directory)
    const bytes = await this.#fetch(name, url, path)
    await this.#options.inspect?.(path)
    await this.#turn(() => this.#write(path, bytes))
    this.bytes += bytes
    await rm(path)
  }

  /** Fetches a file until it has come whole; an address that is refused is asked for anew. */
  async #fetch(name: string, address: string, path: string): Promise<number> {
    const { jobId, clock } = this.#options
    let url = address
    let failures = 0
    let renewals = 0
    for (;;) {
      try {
        const bytes = await this.#save(url, path)
        const fault = await faultOfEnd(path, bytes)
        if (fault === undefined) return bytes
        throw new TransferError('export_files', `file ${name} of export job ${jobId}: ${fault}`, bytes)
      } catch (error) {
        this.#signal.throwIfAborted()
        if (isRefusedLink(error)) {
          renewals += 1
          if (renewals > mostRenewals) {
            throw new JobError('failed', `the links to the files of export job ${jobId} are refused`)
          }
          url = await this.#renewed(name)
          continue
        }
        failures += 1
        if (!isRetryable(error) || failures >= tries) throw error
        await clock.sleep(500 * 2 ** failures, this.#signal)
      }
    }
  }

  async #save(url: string, path: string): Promise<number> {
    const { body } = await this.#options.client.file(url, { signal: this.#signal })
    const file = await open(path, 'w', 0o600)
    try {
      let bytes = 0
      for await (const block of body) {
        await file.write(block)
        bytes += block.length
      }
      return bytes
    } finally {
      await file.close()
    }
  }

  /** The address of a file as it is now. @throws JobError when the file is gone. */
  async #renewed(name: string): Promise<string> {
    const before = this.#names[this.#names.indexOf(name) - 1]
    const { files } = await this.#page(before)
    const found = files.find(({ file }) => file === name)
    if (found) return found.url
    throw new JobError('failed', `export job ${this.#options.jobId} no longer has its file ${name}`)
  }

  async #write(path: string, bytes: number): Promise<void> {
    const file = await open(path)
    try {
      const block = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(1, bytes)))
      let last = newline
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await file.read(block, 0, block.length, at)
        if (bytesRead === 0) break
        last = block[bytesRead - 1] as number
        await this.#options.sink.write(block.subarray(0, bytesRead))
        at += bytesRead
      }
      if (last !== newline) await this.#options.sink.write(Buffer.from([newline]))
    } finally {
      await file.close()
    }
  }
}

const newline = 10

/** Expired, most likely: nothing that waiting would mend. */
const isRefusedLink = (error: unknown): boolean =>
  error instanceof IterableHttpError && error.status >= 400 && error.status < 500 && !error.retryable
