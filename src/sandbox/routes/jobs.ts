/** Asynchronous exports: jobs that take a while, files of whole lines, signed links that expire. */
import { type Answer, badJson, badParams, failure, json, lines, notFound, success } from '../answers.ts'
import { hash32 } from '../data/random.ts'
import { limits } from '../limits.ts'
import { exportBytes, readRequest } from './exports.ts'
import type { Call, Route, World } from './route.ts'

interface Job {
  readonly id: number
  readonly dataType: string
  readonly startAt: number
  readonly endAt: number
  readonly suffix: string
  /** Made when the job is done. */
  files: { name: string; bytes: Buffer }[] | undefined
  readonly make: () => Iterable<Buffer>
  cancelled: boolean
}

const jobsPerOrganization = 4
const filesPerPage = 10
const linkMs = 30 * 60_000

/** Jobs belong to one sandbox; so do these routes. */
export function jobRoutes(): readonly Route[] {
  const jobs: Job[] = []
  return [
    {
      method: 'POST',
      pattern: '/api/export/start',
      limit: limits.exportStart,
      handle: (call, world) => startJob(call, world, jobs),
    },
    {
      method: 'GET',
      pattern: '/api/export/jobs',
      handle: ({ query }, world) => {
        const state = query.get('jobState')?.toLowerCase()
        const shown = jobs.map((job) => showJob(job, world))
        return json({ jobs: shown.filter(({ jobState }) => !state || jobState === state) })
      },
    },
    {
      method: 'GET',
      pattern: '/api/export/{id}/files',
      limit: limits.exportFiles,
      handle: (call, world) => listFiles(call, world, jobs),
    },
    {
      method: 'DELETE',
      pattern: '/api/export/{id}',
      limit: limits.exportCancel,
      handle: ({ parts: [id] }, world) => {
        const job = jobs.find((job) => job.id === Number(id))
        if (!job) return notFound(`Export job ${id} not found`)
        if (stateOf(job, world) === 'completed') return badParams(`Export job ${id} is completed`)
        job.cancelled = true
        return success('Export job cancelled')
      },
    },
    { method: 'GET', pattern: '/files/{id}/{name}', handle: (call, world) => download(call, world, jobs) },
  ]
}

function startJob({ body, path }: Call, world: World, jobs: Job[]): Answer {
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
  const now = world.clock()
  const busy = jobs
    .filter((job) => !job.cancelled && job.endAt > now)
    .map(({ endAt }) => endAt)
    .sort((a, b) => a - b)
  const startAt = busy.length < jobsPerOrganization ? now : busy[busy.length - jobsPerOrganization]!
  const endAt = startAt + (world.options.jobMs ?? 200) / (world.options.timeScale ?? 1)
  const id = 4711 + jobs.length
  jobs.push({
    ...{ id, dataType: asked.dataType, startAt, endAt, suffix: isCsv ? 'csv' : 'json', files: undefined },
    ...{ make: () => exportBytes(asked, world), cancelled: false },
  })
  return json({ jobId: id })
}

function stateOf(job: Job, { clock }: World): string {
  if (job.cancelled) return 'cancelled'
  const now = clock()
  if (now >= job.endAt) return 'completed'
  return now < job.startAt + (job.endAt - job.startAt) / 4 ? 'enqueued' : 'running'
}

function showJob(job: Job, world: World) {
  const jobState = stateOf(job, world)
  const time = world.project.now().toISOString()
  const bytes =
    jobState === 'completed' ? filesOf(job, world).reduce((sum, { bytes }) => sum + bytes.length, 0) : 0
  return {
    ...{ id: job.id, dataTypeName: job.dataType, jobState, scheduledStartTime: time },
    ...(jobState === 'completed' ? { endTime: time, bytesExported: bytes } : {}),
  }
}

function listFiles({ parts: [id], query }: Call, world: World, jobs: readonly Job[]): Answer {
  const job = jobs.find((job) => job.id === Number(id))
  if (!job) return notFound(`Export job ${id} not found`)
  const jobState = stateOf(job, world)
  const after = query.get('startAfter') ?? ''
  const files = jobState === 'completed' ? filesOf(job, world).filter(({ name }) => name > after) : []
  const expires = Math.ceil(world.clock() + linkMs / (world.options.timeScale ?? 1))
  return json({
    ...{ exportTruncated: false, jobId: job.id, jobState },
    files: files.slice(0, filesPerPage).map(({ name }) => ({
      file: name,
      url: `${world.url}/files/${job.id}/${name}?expires=${expires}&signature=${signature(world, name, expires)}`,
    })),
  })
}

/** No API key here: the link is the permission. */
function download({ parts: [id, name = ''], query }: Call, world: World, jobs: readonly Job[]): Answer {
  const job = jobs.find((job) => job.id === Number(id))
  const file = job?.files?.find((file) => file.name === name)
  const expires = Number(query.get('expires'))
  if (!file || query.get('signature') !== signature(world, name, expires)) {
    return failure(403, 'AccessDenied', 'The request signature does not match')
  }
  if (world.clock() > expires) {
    return {
      status: 403,
      type: 'application/xml',
      body: [Buffer.from('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>')],
    }
  }
  return lines([file.bytes], job?.suffix === 'csv' ? 'text/csv' : 'application/x-json-stream')
}

const signature = ({ project }: World, name: string, expires: number) =>
  hash32(`${project.seed}:${name}:${expires}`).toString(16)

/** Whole lines in files of at most jobFileBytes (a longer line gets a file of its own). */
function filesOf(job: Job, { options }: World): { name: string; bytes: Buffer }[] {
  if (job.files) return job.files
  const limit = options.jobFileBytes ?? 10_000_000
  const files: { name: string; bytes: Buffer }[] = []
  const body = Buffer.concat([...job.make()])
  for (let start = 0; start < body.length; ) {
    let end = body.length
    if (end - start > limit) {
      const before = body.lastIndexOf(10, start + limit - 1) + 1
      end = before > start ? before : body.indexOf(10, start) + 1 || body.length
    }
    const number = String(files.length + 1).padStart(6, '0')
    files.push({ name: `file-1679086${number}.${job.suffix}`, bytes: body.subarray(start, end) })
    start = end
  }
  job.files = files
  return files
}
