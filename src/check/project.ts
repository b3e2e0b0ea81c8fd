/** What the API tells of the project that a key belongs to: its data centre, and the channels that it uses. */
import * as z from 'zod'
import { messageOf } from '../errors.ts'
import type { IterableClient } from '../iterable/client.ts'
import { IterableHttpError } from '../iterable/errors.ts'

const regions = ['us', 'eu'] as const
type Region = (typeof regions)[number]

export interface ProjectSearch {
  /** A client that uses the key in a data centre. */
  readonly clientFor: (region: Region) => IterableClient
  /** Both, or the one that the person has named. */
  readonly regions: readonly Region[]
  readonly signal?: AbortSignal | undefined
}

export type FoundProject =
  | {
      readonly region: Region
      /** `Email`, `Push`, `SMS` … as Iterable spells them; undefined where the key may not ask. */
      readonly media: ReadonlySet<string> | undefined
    }
  | { readonly problem: string }

/** Answer of `channels`, as far as it is looked at. */
export const channelsForm = z.looseObject({
  channels: z.array(z.looseObject({ messageMedium: z.string().nullish() })),
})

/** Asks each data centre whether it knows the key. Only an abort is thrown. */
export async function findProject({ clientFor, regions, signal }: ProjectSearch): Promise<FoundProject> {
  let problem = ''
  for (const region of regions) {
    await using client = clientFor(region)
    try {
      const { channels } = await client.json('channels', { form: channelsForm, signal, retry: false })
      return { region, media: mediaOf(channels) }
    } catch (error) {
      if (signal?.aborted) throw error
      const status = error instanceof IterableHttpError ? error.status : undefined
      // Known, but not for this question: a mobile key, for instance.
      if (status === 403 || status === 429) return { region, media: undefined }
      if (status !== 401) problem ||= messageOf(error)
    }
  }
  return { problem: problem || 'no data centre knows this key: it is wrong or disabled' }
}

/** The media of the channels of a project. */
export const mediaOf = (channels: z.infer<typeof channelsForm>['channels']): ReadonlySet<string> =>
  new Set(channels.flatMap(({ messageMedium }) => messageMedium ?? []))

/** Both data centres, in the order in which they are asked. */
export const bothRegions: readonly Region[] = regions
