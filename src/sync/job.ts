/** A window by the asynchronous export: a job is started, waited for, and its files are fetched while it works. */
import { join } from 'node:path'
import { InterruptedError } from '../errors.ts'
import { IterableHttpError, TransferError } from '../iterable/errors.ts'
import { type JobPhase, phaseOf } from '../iterable/jobs.ts'
import { endExportJob, type JobYield, type OpenJob } from '../state/export-jobs.ts'
import type { SyncContext } from './context.ts'
import type { LineSink } from './download.ts'
import type { ExportType } from './export-type.ts'
import { JobError, QueuedJob, TruncatedJob } from './job-errors.ts'
import { JobFiles } from './job-files.ts'
import { refuseForeignWindow } from './job-proof.ts'
import { type StartedJob, startJob } from './job-start.ts'
import type { RoutePlace } from './routes.ts'
import type { CountingClient } from './source.ts'
import { waitOfJob } from './volume.ts'
import type { Window } from './windows.ts'

export interface WindowJobInput {
  readonly client: CountingClient
  readonly stream: string
  /** The field that windows are about. */
  readonly timeField: string
  readonly type: ExportType
  readonly window: Window
  /** It was asked for only because it is sooner there: it may wait for a place for this long. */
  readonly patienceMs: number | undefined
  /** Is told when the job is asked for. How long that waits tells how long jobs wait, where none of ours is before it. */
  readonly place: Pick<RoutePlace, 'begin' | 'isBehindOurs'>
  /** One of the places for jobs. */
  readonly turn: <T>(work: () => Promise<T>) => Promise<T>
  /** One start at a time. */
  readonly startTurn: <T>(work: () => Promise<T>) => Promise<T>
  /** Ends the wait for the job, which the next sync goes on with. */
  readonly stopping: AbortSignal
  /** A job that exports more than this is given up for shorter ones. */
  readonly budgetBytes: number | undefined
  /** Of a sync that was interrupted. */
  readonly asked: OpenJob | undefined
  /** Hears in words where the job stands. */
  readonly onStand: (stand: string) => void
  readonly say: (message: string) => void
}

/** A job that works on, with nothing to show for it, for this long does not work any more. */
const standstillMs = 3_600_000
const shortestPollMs = 1000
const longestPollMs = 30_000
/** One look is for all jobs: an end that is seen late costs more than the look. */
const pollsPerWait = 8
/** Small jobs are through before it pays to list what they have so far. */
const firstListMs = 4000
/** Waiting for a slot for longer than this is told once. */
const longQueueMs = 5 * 60_000

interface Worked {
  readonly job: StartedJob
  readonly files: JobFiles
  readonly bytesExported: number | undefined
}

/** The job of one window, over all tries to read it. */
export class WindowJob {
  readonly #context: SyncContext
  readonly #input: WindowJobInput
  #asked: OpenJob | undefined
  /** It was started in this process: how long it takes can be measured. */
  #isOurs = false
  #bytesBefore: number | undefined
  /** When it was seen first that it had exported something. */
  #firstAt: Date | undefined
  #wasTold = false
  #brought: JobYield | undefined

  constructor(context: SyncContext, input: WindowJobInput) {
    this.#context = context
    this.#input = input
    this.#asked = input.asked
  }

  /** What it brought, once it has been read. */
  get brought(): JobYield | undefined {
    return this.#brought
  }

  /**
   * Writes all lines of the window into the sink. What a try that fails has written must be thrown away.
   * @throws JobError when this job is of no use; TransferError when it may be read again.
   */
  async read(sink: LineSink): Promise<void> {
    const { place } = this.#input
    this.#isOurs ||= this.#asked === undefined
    // A place is held until the job is through; the rest of its files may come while the next one works.
    const { job, files, bytesExported } = await this.#input.turn(async () => this.#work(sink))
    await this.#settled(job, files, async () => {
      await files.finish(bytesExported)
      this.#checkBytes(job, files.bytes, bytesExported)
      await files[Symbol.asyncDispose]()
    })
    const seconds = (this.#context.clock.now().getTime() - job.askedAt.getTime()) / 1000
    this.#brought = {
      requestId: job.requestId,
      files: files.count,
      bytes: files.bytes,
      seconds: this.#isOurs ? seconds : undefined,
      waitSeconds: this.#isOurs && !place.isBehindOurs ? this.#waitOf(job, seconds, files.bytes) : undefined,
    }
  }

  #waitOf({ askedAt }: StartedJob, seconds: number, bytes: number): number {
    if (this.#firstAt === undefined) return waitOfJob(seconds, bytes)
    return (this.#firstAt.getTime() - askedAt.getTime()) / 1000
  }

  /** Starts the job and waits until it is through; what it has brought by then is being fetched. */
  async #work(sink: LineSink): Promise<Worked> {
    const { client, window, timeField } = this.#input
    const { clock, signal, jobDesk, warehouse } = this.#context
    const job = await this.#start()
    this.#asked = job
    const files = new JobFiles({
      jobId: job.jobId,
      client,
      clock,
      signal,
      desk: jobDesk,
      sink,
      directory: join(warehouse.spoolDirectory, `job-${job.jobId}`),
      inspect: job.isFound ? (path) => refuseForeignWindow(path, timeField, window) : undefined,
    })
    const bytesExported = await this.#settled(job, files, () => this.#untilCompleted(job, files))
    return { job, files, bytesExported }
  }

  /** Runs a step; when it fails, nothing of its files stays, and a job that is of no use is written off. */
  async #settled<T>(job: StartedJob, files: JobFiles, step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      await files[Symbol.asyncDispose]()
      const failure = gone(error, job) ?? error
      if (failure instanceof JobError) await this.discard(failure)
      throw failure
    }
  }

  async #start(): Promise<StartedJob> {
    try {
      return await this.#input.startTurn(() => {
        if (this.#input.stopping.aborted) throw new InterruptedError()
        this.#input.place.begin()
        return startJob(this.#context, { ...this.#input, asked: this.#asked })
      })
    } catch (error) {
      if (error instanceof JobError) this.#asked = undefined
      throw error
    }
  }

  /** What it brought is of no use: the next read starts another one. */
  async discard({ state, message }: Pick<JobError, 'state' | 'message'>): Promise<void> {
    const { warehouse, clock } = this.#context
    if (!this.#asked) return
    const { requestId } = this.#asked
    await warehouse.use(
      ({ db }) => endExportJob(db, requestId, { state, problem: message, now: clock.now() }),
      { isRepeatable: true },
    )
    this.#asked = undefined
    this.#bytesBefore = undefined
    this.#firstAt = undefined
  }

  /** Waits until the job is through; resolves to the bytes that Iterable says it has exported. */
  async #untilCompleted(job: StartedJob, files: JobFiles): Promise<number | undefined> {
    const { clock, signal } = this.#context
    const ending = AbortSignal.any([signal, this.#input.stopping])
    const stand = new Stand()
    let listAtMs = firstListMs
    for (;;) {
      const { phase, bytes } = await this.#look(job, files)
      if (phase === 'completed') return bytes
      if ((bytes ?? 0) > 0) this.#firstAt ??= clock.now()
      if ((bytes ?? 0) > (this.#input.budgetBytes ?? Number.POSITIVE_INFINITY)) await this.#giveUpLarge(job)
      if (phase === 'failed' || phase === 'cancelled') {
        const by = phase === 'cancelled' ? ' by somebody else' : ''
        throw new JobError(
          phase,
          `export job ${job.jobId} was ${phase === 'failed' ? 'given up' : 'cancelled'}${by}`,
        )
      }
      if (phase === 'running' && bytes !== 0 && stand.waitedMs >= listAtMs) {
        await files.listNew()
        listAtMs = stand.waitedMs * 1.5
      }
      stand.see(phase, `${phase} ${bytes} ${files.count}`)
      this.#tell(job, phase, stand)
      if (stand.stillMs > standstillMs) await this.#giveUp(job)
      const { patienceMs = Number.POSITIVE_INFINITY } = this.#input
      if (phase === 'enqueued' && stand.sinceMs > patienceMs) await this.#giveUpQueued(job, stand)
      await clock.sleep(stand.next(), ending)
    }
  }

  /** Where the job stands: by the record of all jobs, or by its own page where it is not among them. */
  async #look(job: StartedJob, files: JobFiles): Promise<{ phase: JobPhase; bytes: number | undefined }> {
    const { client } = this.#input
    const record = (await this.#context.jobDesk.look(client)).find(({ id }) => id === job.jobId)
    if (record) return { phase: phaseOf(record.jobState), bytes: record.bytesExported ?? undefined }
    return { phase: phaseOf((await files.listNew()).jobState), bytes: undefined }
  }

  #tell({ jobId }: StartedJob, phase: JobPhase, { sinceMs }: Stand): void {
    const { onStand, say } = this.#input
    const minutes = Math.floor(sinceMs / 60_000)
    onStand(`export job ${jobId} ${phase}${minutes > 0 ? ` for ${minutes} min` : ''}`)
    if (phase !== 'enqueued' || sinceMs < longQueueMs || this.#wasTold) return
    this.#wasTold = true
    say(
      `export job ${jobId} has been waiting for ${minutes} min: of an organization four jobs work at once, and others have taken the places`,
    )
  }

  /** It holds one of four places; that it cannot be cancelled is not another fault. */
  async #cancel({ jobId }: StartedJob): Promise<void> {
    await this.#input.client
      .request('export_cancel', { path: { jobId } })
      .then((answer) => answer.dump())
      .catch(() => {})
  }

  async #giveUpLarge(job: StartedJob): Promise<never> {
    await this.#cancel(job)
    throw new TruncatedJob(`export job ${job.jobId} brings more than a window should`)
  }

  async #giveUpQueued(job: StartedJob, { sinceMs }: Stand): Promise<never> {
    await this.#cancel(job)
    throw new QueuedJob(job.jobId, sinceMs / 1000)
  }

  async #giveUp(job: StartedJob): Promise<never> {
    await this.#cancel(job)
    throw new JobError('standstill', `export job ${job.jobId} has brought nothing new for an hour`)
  }

  /**
   * Fewer bytes than Iterable says it has exported are asked for once more; the same ones again show that it counts
   * something else.
   */
  #checkBytes({ jobId }: StartedJob, bytes: number, bytesExported: number | undefined): void {
    const { jobDesk } = this.#context
    if (bytesExported === undefined || bytes >= bytesExported || jobDesk.countsOtherBytes) return
    const told = `the files of export job ${jobId} hold ${bytes} bytes, and Iterable says that it exported ${bytesExported}`
    if (this.#bytesBefore !== bytes) {
      this.#bytesBefore = bytes
      throw new TransferError('export_files', told, bytes)
    }
    jobDesk.countsOtherBytes = true
    this.#input.say(`${told}; a second read brought the same, so they are taken`)
  }
}

/** Iterable does not know the job any more. */
const gone = (error: unknown, { jobId }: StartedJob): JobError | undefined =>
  error instanceof IterableHttpError && error.status === 404
    ? new JobError('lost', `Iterable does not know export job ${jobId}`, { cause: error })
    : undefined

/** How long to wait before the next look at a job that has been waited for so long. */
export const pollMs = (waitedMs: number): number =>
  Math.min(longestPollMs, Math.max(shortestPollMs, waitedMs / pollsPerWait))

/** How long a job has been waited for; the waits are counted, whatever the clock says. */
class Stand {
  #phase: JobPhase | undefined
  #shown = ''
  waitedMs = 0
  /** In its phase. */
  sinceMs = 0
  /** At work, without anything new. */
  stillMs = 0

  see(phase: JobPhase, shown: string): void {
    if (phase !== this.#phase) this.sinceMs = 0
    if (shown !== this.#shown || phase === 'enqueued') this.stillMs = 0
    this.#phase = phase
    this.#shown = shown
  }

  /** The wait before the next look. */
  next(): number {
    const waitMs = pollMs(this.waitedMs)
    this.waitedMs += waitMs
    this.sinceMs += waitMs
    this.stillMs += waitMs
    return waitMs
  }
}
