/** The start of a job: written down before it is asked for, and looked up where its answer was lost. */
import { randomUUID } from 'node:crypto'
import { messageOf } from '../errors.ts'
import { IterableHttpError, isRetryable } from '../iterable/errors.ts'
import { type JobRecord, startForm } from '../iterable/jobs.ts'
import {
  endExportJob,
  insertJob,
  type OpenJob,
  readKnownJobIds,
  readOpenJobs,
  recordJobId,
} from '../state/export-jobs.ts'
import type { SyncContext } from './context.ts'
import type { ExportType } from './export-type.ts'
import { JobError, RefusedJob } from './job-errors.ts'
import type { CountingClient } from './source.ts'
import { timeOf } from './times.ts'
import { requestTime, type Window } from './windows.ts'

/** A job that Iterable has begun. */
export interface StartedJob extends OpenJob {
  readonly jobId: number
  /** Found by its type and time: no answer of Iterable's says that it is ours. */
  readonly isFound: boolean
}

export interface StartInput {
  readonly client: CountingClient
  readonly stream: string
  readonly type: ExportType
  readonly window: Window
  /** Was asked for before, in this sync or in one that was interrupted. */
  readonly asked: OpenJob | undefined
}

const tries = 3

/**
 * Starts a job for a window, or finds the one that was started for it.
 * @throws RefusedJob when Iterable starts none; JobError when no answer comes.
 */
export async function startJob(context: SyncContext, input: StartInput): Promise<StartedJob> {
  const { asked, client } = input
  if (asked?.jobId !== undefined) return { ...asked, jobId: asked.jobId, isFound: false }
  let found = asked && (await findLost(context, client, asked))
  if (asked && !found)
    await end(context, asked, 'no answer came to its start, and no job of its type was there')
  const request = found && asked ? asked : await writeIntent(context, input)
  for (let attempt = 1; !found; attempt += 1) {
    try {
      return await ask(context, input, request)
    } catch (error) {
      if (context.signal.aborted) throw error
      if (isRefusal(error)) {
        await end(context, request, messageOf(error))
        throw new RefusedJob(error)
      }
      if (!isRetryable(error)) throw error
      found = await findLost(context, client, request)
      if (!found && attempt >= tries) {
        await end(context, request, messageOf(error))
        throw new JobError('failed', `no export job could be started: ${messageOf(error)}`, { cause: error })
      }
    }
  }
  await context.warehouse.use(
    ({ db }) => recordJobId(db, request.requestId, (found as JobRecord).id, request.dataType),
    { isRepeatable: true },
  )
  return { ...request, jobId: found.id, isFound: true }
}

async function writeIntent(context: SyncContext, { stream, type, window }: StartInput): Promise<OpenJob> {
  const request: OpenJob = {
    requestId: randomUUID(),
    stream,
    dataType: type.name,
    ...window,
    askedAt: context.clock.now(),
    jobId: undefined,
  }
  await context.warehouse.use(({ db }) => insertJob(db, request, context.runId), { signal: context.signal })
  return request
}

async function ask(
  context: SyncContext,
  { client, type, window }: StartInput,
  request: OpenJob,
): Promise<StartedJob> {
  const times = { startDateTime: requestTime(window.from), endDateTime: requestTime(window.to) }
  const { jobId } = await type.ask((dataTypeName) =>
    client.json('export_start', {
      form: startForm,
      body: { dataTypeName, outputFormat: 'application/x-json-stream', ...times },
    }),
  )
  await context.warehouse.use(({ db }) => recordJobId(db, request.requestId, jobId, type.name), {
    isRepeatable: true,
  })
  return { ...request, dataType: type.name, jobId, isFound: false }
}

const end = ({ warehouse, clock }: SyncContext, { requestId }: OpenJob, problem: string): Promise<void> =>
  warehouse.use(({ db }) => endExportJob(db, requestId, { state: 'failed', problem, now: clock.now() }), {
    isRepeatable: true,
  })

/** A request that arrived was carried out within this, by their clock and ours. */
const earlierMs = 60_000
const laterMs = 10 * 60_000

/**
 * The job of a request whose answer was lost: the one of its type that was scheduled then and is that of no other
 * window. Records of jobs name no window, so where several fit, none is taken; nor is any where others start jobs in the
 * project, who may have started this one.
 */
async function findLost(
  { warehouse, signal, jobDesk }: SyncContext,
  client: CountingClient,
  { dataType, askedAt }: OpenJob,
): Promise<JobRecord | undefined> {
  const jobs = await jobDesk.lookAnew(client)
  const { known, asked } = await warehouse.use(
    async ({ db }) => ({ known: await readKnownJobIds(db), asked: await readOpenJobs(db) }),
    { signal },
  )
  const unknown = jobs.filter(({ id }) => !known.has(id))
  const isOf = (type: string, job: JobRecord) => job.dataTypeName.toLowerCase() === type.toLowerCase()
  // Of other streams an answer may be on its way, or lost, too.
  const others = asked.filter((one) => one.jobId === undefined && one.dataType !== dataType)
  const own = unknown.filter((job) => !others.some((one) => isOf(one.dataType, job)))
  const [found] = own
  if (!found || own.length > 1 || !isOf(dataType, found)) return undefined
  const sinceMs = (timeOf(found.scheduledStartTime)?.getTime() ?? Number.NaN) - askedAt.getTime()
  return sinceMs >= -earlierMs && sinceMs <= laterMs ? found : undefined
}

/** An answer that another try would not change; a key that is unknown concerns more than jobs. */
const isRefusal = (error: unknown): error is IterableHttpError =>
  error instanceof IterableHttpError && !error.retryable && error.status >= 400 && error.status !== 401
