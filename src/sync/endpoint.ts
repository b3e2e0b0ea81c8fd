/** The endpoint that a stream is read from: its pace decides how long the stream takes. */
import type { Stream } from '../catalog/index.ts'
import type { EndpointName } from '../iterable/endpoints.ts'
import { walkEndpoints } from './walks.ts'

/** Where a stream is read from, part by part. */
export function endpointOf({ read }: Stream): EndpointName {
  switch (read.kind) {
    case 'export':
      return 'export'
    case 'documents':
      return read.endpoint
    case 'members':
      return 'list_users'
    case 'metadata':
      return 'metadata'
    case 'walk':
      return walkEndpoints[read.walk]
  }
}
