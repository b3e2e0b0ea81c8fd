/** Asynchronous exports: jobs that wait, work and fail, files of whole lines, signed links that expire. */
import {
  badJson,
  badParams,
  failure,
  json,
  linkExpired,
  notFound,
  type SandboxAnswer,
  success,
} from '../answers.ts'
import { hash32 } from '../data/random.ts'
import { type Job, SandboxJobs } from '../jobs.ts'
import { limits } from '../limits.ts'
import type { FaultKind, JobFaultKind } from '../options.ts'
import { exportBytes, readRequest } from './exports.ts'
import type { SandboxCall, SandboxRoute, World } from './route.ts'

const filesPerPage = 10
const usualLinkMs = 30 * 60_000

/** Jobs belong to one sandbox; so do these routes. */
export function jobRoutes(): readonly SandboxRoute[] {
  let all: SandboxJobs | undefined
  const jobsOf = (world: World) => {
    all ??= new SandboxJobs(world)
    return all
  }
  return [
    {
      method: 'POST',
      pattern: '/api/export/start',
      limit: limits.exportStart,
      handle: (call, world) => startJob(call, world, jobsOf(world)),
    },
    {
      method: 'GET',
      pattern: '/api/export/jobs',
      handle: ({ query }, world) => {
        const state = query.get('jobState')?.toLowerCase()
        const shown = jobsOf(world).all.map((job) => showJob(job, jobsOf(world)))
        return json({ jobs: shown.filter(({ jobState }) => !state || jobState === state) })
      },
    },
    {
      method: 'GET',
      pattern: '/api/export/{id}/files',
      limit: limits.exportFiles,
      handle: (call, world) => listFiles(call, world, jobsOf(world)),
    },
    {
      method: 'DELETE',
      pattern: '/api/export/{id}',
      limit: limits.exportCancel,
      handle: ({ parts: [id] }, world) => cancelJob(Number(id), jobsOf(world)),
    },
    {
      method: 'GET',
      pattern: '/files/{id}/{name}',
      handle: (call, world) => download(call, world, jobsOf(world)),
    },
  ]
}

function startJob({ body, path, fault }: SandboxCall, world: World, jobs: SandboxJobs): SandboxAnswer {
  if (!body) return badJson(path, { obj: 'JSON object expected' })
  const format = body.outputFormat
  if (format !== 'text/csv' && format !== 'application/x-json-stream') {
    return badParams(
      `Invalid outputFormat: ${String(format)}. Expected text/csv or application/x-json-stream`,
    )
  }
  const isCsv = format === 'text/csv'
  const read = (name: string) => (body[name] === undefined ? undefined : String(body[name]))
  const hasDates = body.startDateTime !== undefined || body.endDateTime !== undefined
  const asked = readRequest(
    (name) => (name === 'range' && !hasDates ? 'All' : read(name)),
    isCsv ? 'csv' : 'json',
    world,
  )
  if (typeof asked === 'string') return badParams(asked)
  const { id } = jobs.start({
    dataType: asked.dataType,
    suffix: isCsv ? 'csv' : 'json',
    fault: isJobFault(fault) ? fault : undefined,
    make: () => exportBytes(asked, world),
  })
  return json({ jobId: id })
}

export const isJobFault = (fault: FaultKind | undefined): fault is JobFaultKind =>
  typeof fault === 'string' && /^(?:job-|file-twice)/.test(fault)

function showJob(job: Job, jobs: SandboxJobs) {
  const jobState = jobs.stateOf(job)
  const bytes = jobs.filesOf(job).reduce((sum, { bytes }) => sum + bytes.length, 0)
  return {
    id: job.id,
    dataTypeName: job.dataType,
    jobState,
    scheduledStartTime: job.scheduledAt,
    ...(jobState === 'enqueued' ? {} : { bytesExported: bytes }),
    ...(jobState === 'completed' ? { endTime: job.scheduledAt } : {}),
  }
}

function listFiles({ parts: [id], query }: SandboxCall, world: World, jobs: SandboxJobs): SandboxAnswer {
  const job = jobs.find(Number(id))
  if (!job) return notFound(`Export job ${id} not found`)
  // Before the files: a job that is told to be completed has all of them.
  const jobState = jobs.stateOf(job)
  const after = query.get('startAfter') ?? ''
  const page = jobs
    .filesOf(job)
    .filter(({ name }) => name > after)
    .slice(0, filesPerPage)
  const expires = Math.ceil(
    world.clock() + (world.options.linkMs ?? usualLinkMs) / (world.options.timeScale ?? 1),
  )
  const shown = page.map(({ name }) => ({
    file: name,
    url: `${world.url}/files/${job.id}/${name}?expires=${expires}&signature=${signature(world, name, expires)}`,
  }))
  const files = job.fault === 'file-twice' ? shown.flatMap((file) => [file, file]) : shown
  return json({ exportTruncated: jobs.isTruncated(job), jobId: job.id, jobState, files })
}

function cancelJob(id: number, jobs: SandboxJobs): SandboxAnswer {
  const job = jobs.find(id)
  if (!job) return notFound(`Export job ${id} not found`)
  if (jobs.stateOf(job) === 'completed') return badParams(`Export job ${id} is completed`)
  jobs.cancel(job)
  return success('Export job cancelled')
}

/** The link is the permission. */
function download(
  { parts: [id, name = ''], query }: SandboxCall,
  world: World,
  jobs: SandboxJobs,
): SandboxAnswer {
  const job = jobs.find(Number(id))
  const file = job && jobs.filesOf(job).find((file) => file.name === name)
  const expires = Number(query.get('expires'))
  if (!file || query.get('signature') !== signature(world, name, expires)) {
    return failure(403, 'AccessDenied', 'The request signature does not match')
  }
  if (world.clock() > expires) return linkExpired
  return {
    status: 200,
    type: job.suffix === 'csv' ? 'text/csv' : 'application/x-json-stream',
    body: [file.bytes],
  }
}

const signature = ({ project }: World, name: string, expires: number) =>
  hash32(`${project.seed}:${name}:${expires}`).toString(16)
