/** Channels that a project uses and nobody replicates. */
import type { Stream } from '../catalog/index.ts'
import { media } from '../catalog/media.ts'
import { type CheckItem, ok } from './item.ts'
import { channelsForm, mediaOf } from './project.ts'

/** Names the channels of a project none of whose streams is selected: that may be meant so. Nothing where the answer is none. */
export function channelsItems(answer: string, replicated: readonly Stream[]): CheckItem[] {
  const parsed = channelsForm.safeParse(parseOrUndefined(answer))
  if (!parsed.success) return []
  const used = mediaOf(parsed.data.channels)
  const left = media.filter(
    ({ group, medium }) => used.has(medium) && !replicated.some(({ groups }) => groups.includes(group)),
  )
  if (left.length === 0) return [ok('channels', 'every channel of the project is replicated')]
  const groups = left.map(({ group }) => group).join(', ')
  return [ok('channels', `the project also uses ${groups}: to replicate these, add them to sync.streams`)]
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
