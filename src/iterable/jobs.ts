/** The answers of the asynchronous export, and what the states of a job mean. */
import * as z from 'zod'
import { MalformedResponseError } from './errors.ts'

/** `export/start`. */
export const startForm = z.looseObject({ jobId: z.number().int() })

/** `export/jobs`: recent jobs of the project. */
export const jobsForm = z.looseObject({
  jobs: z.array(
    z.looseObject({
      id: z.number().int(),
      dataTypeName: z.string(),
      jobState: z.string(),
      scheduledStartTime: z.string().nullish(),
      bytesExported: z.number().nullish(),
    }),
  ),
})

/** `export/{jobId}/files`: a page of links. */
export const filesForm = z.looseObject({
  exportTruncated: z.boolean().nullish(),
  jobState: z.string(),
  files: z.array(z.looseObject({ file: z.string().min(1), url: z.string() })),
})

export type JobRecord = z.output<typeof jobsForm>['jobs'][number]
export type FilesPage = z.output<typeof filesForm>

/** Where a job stands: it may wait and work by turns, and ends in one of three ways. */
export type JobPhase = 'enqueued' | 'running' | 'completed' | 'failed' | 'cancelled'

/** Iterable's own sources spell states in several ways; one that nobody knows is work in progress. */
export function phaseOf(jobState: string): JobPhase {
  const state = jobState.toLowerCase()
  if (state === 'queued' || state === 'enqueued') return 'enqueued'
  if (state === 'completed' || state === 'failed') return state
  return /^cancel/.test(state) ? 'cancelled' : 'running'
}

/** The address of a file of an export: encrypted like everything else, unless nothing else is. @throws MalformedResponseError */
export function fileUrl(address: string, base: URL): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  const isAllowed = url?.protocol === 'https:' || (url?.protocol === 'http:' && base.protocol === 'http:')
  // The address itself is a secret for as long as it is good.
  if (!url || !isAllowed)
    throw new MalformedResponseError('export_files', 'the link to a file is not an https address')
  return url
}
