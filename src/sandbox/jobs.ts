/** The jobs of one organization: four of them work at a time, the others wait; what goes wrong with one was ordered. */
import type { JobFaultKind } from './options.ts'
import type { World } from './routes/route.ts'

export interface Job extends NewJob {
  readonly id: number
  readonly scheduledAt: string
  readonly arrivedAt: number
  /** When it gets a slot; infinite while nobody knows. */
  startAt: number
  /** When it leaves its slot; infinite for one that stands still. */
  endAt: number
  files: readonly JobFile[] | undefined
  /** What it would have brought without the cap. */
  size: number
  isCancelled: boolean
}

interface NewJob {
  readonly dataType: string
  readonly suffix: string
  readonly fault: JobFaultKind | undefined
  readonly make: () => Iterable<Buffer>
}

interface JobFile {
  readonly name: string
  readonly bytes: Buffer
}

const slots = 4
const usualJobMs = 200
const usualFileBytes = 10_000_000
const mostBytes = 100e9

/** States follow from the clock: nothing of a job moves by itself. */
export class SandboxJobs {
  readonly #world: World
  readonly all: Job[] = []

  constructor(world: World) {
    this.#world = world
  }

  find(id: number): Job | undefined {
    return this.all.find((job) => job.id === id)
  }

  start(asked: NewJob): Job {
    const { clock, project } = this.#world
    const job = {
      ...asked,
      id: 4711 + this.all.length,
      scheduledAt: project.now().toISOString(),
      arrivedAt: clock(),
      startAt: Number.POSITIVE_INFINITY,
      endAt: Number.POSITIVE_INFINITY,
      files: undefined,
      size: 0,
      isCancelled: false,
    }
    this.all.push(job)
    this.#schedule()
    return job
  }

  /** Gives slots to those that wait, in the order in which they came. */
  #schedule(): void {
    const { jobMs = usualJobMs, timeScale = 1 } = this.#world.options
    for (const [index, job] of this.all.entries()) {
      if (job.startAt !== Number.POSITIVE_INFINITY || job.isCancelled) continue
      const ends = this.all.slice(0, index).map(({ endAt }) => endAt)
      const busy = ends.filter((endAt) => endAt > job.arrivedAt).sort((a, b) => a - b)
      job.startAt = busy.length < slots ? job.arrivedAt : (busy[busy.length - slots] as number)
      if (job.fault !== 'job-stuck') job.endAt = job.startAt + jobMs / timeScale
    }
  }

  cancel(job: Job): void {
    job.isCancelled = true
    job.endAt = Math.min(job.endAt, this.#world.clock())
  }

  stateOf(job: Job): string {
    if (job.isCancelled) return 'cancelled'
    const progress = this.#progressOf(job)
    if (progress >= 1) return endStates[job.fault ?? ''] ?? 'completed'
    // A fault of Iterable's own sends a job back into the queue; it keeps what it has.
    const isBack = job.fault === 'job-restarted' && progress > 0.6 && progress < 0.8
    return progress < 0.25 || isBack ? 'enqueued' : 'running'
  }

  isTruncated(job: Job): boolean {
    if (this.#progressOf(job) < 1) return false
    this.#madeFiles(job)
    return job.fault === 'job-truncated' || job.size > this.#mostBytes
  }

  /** The files that are there by now: they appear while the job works. */
  filesOf(job: Job): readonly JobFile[] {
    const progress = job.isCancelled ? 0 : this.#progressOf(job)
    if (progress < 0.25) return []
    const files = this.#madeFiles(job)
    return progress >= 1 ? files : files.slice(0, Math.floor(files.length * progress))
  }

  /** From 0 to 1; one that stands still is half done for ever. */
  #progressOf(job: Job): number {
    this.#schedule()
    const { startAt, endAt } = job
    const now = this.#world.clock()
    if (endAt === Number.POSITIVE_INFINITY) return now < startAt ? 0 : 0.5
    return now >= endAt ? 1 : Math.max(0, (now - startAt) / (endAt - startAt))
  }

  get #mostBytes(): number {
    return this.#world.options.jobMaxBytes ?? mostBytes
  }

  #madeFiles(job: Job): readonly JobFile[] {
    if (job.files) return job.files
    const body = Buffer.concat([...job.make()])
    job.size = body.length
    const isCut = job.fault === 'job-truncated'
    const kept = isCut ? Math.floor(body.length / 2) : Math.min(body.length, this.#mostBytes)
    const whole = kept === body.length ? body : body.subarray(0, body.lastIndexOf(10, kept) + 1)
    job.files = cutIntoFiles(whole, this.#world.options.jobFileBytes ?? usualFileBytes, job.suffix)
    return job.files
  }
}

const endStates: Readonly<Record<string, string>> = { 'job-failed': 'failed', 'job-cancelled': 'cancelled' }

/** Whole lines in files of at most `limit` bytes (a longer line gets a file of its own). */
function cutIntoFiles(body: Buffer, limit: number, suffix: string): readonly JobFile[] {
  const files: JobFile[] = []
  for (let start = 0; start < body.length; ) {
    let end = body.length
    if (end - start > limit) {
      const before = body.lastIndexOf(10, start + limit - 1) + 1
      end = before > start ? before : body.indexOf(10, start) + 1 || body.length
    }
    const number = String(files.length + 1).padStart(6, '0')
    files.push({ name: `file-1679086${number}.${suffix}`, bytes: body.subarray(start, end) })
    start = end
  }
  return files
}
