/** `GET /`: what the sandbox holds and how to ask for it. */
import { json, type SandboxAnswer, text } from './answers.ts'
import { dataTypes } from './data/catalog.ts'
import type { World } from './routes/route.ts'
import { boundOf } from './times.ts'

export function home(world: World, wantsJson: boolean): SandboxAnswer {
  const { project, keys, url, options } = world
  const events = Object.fromEntries(
    dataTypes
      .filter((name) => name !== 'user')
      .map((name) => [name, project.events(name).count] as const)
      .filter(([, count]) => count > 0),
  )
  const holds = {
    users: project.users.size + project.events('user').count,
    lists: project.lists.map(({ id, name, listType }) => ({
      id,
      name,
      listType,
      size: project.users.members(id).size,
    })),
    campaigns: project.campaigns.length,
    templates: project.templates.length,
    channels: project.channels.length,
    messageTypes: project.messageTypes.length,
    metadata: project.metadata.length,
    events,
  }
  const about = {
    sandbox: 'a fake Iterable',
    url,
    region: options.region ?? 'us',
    projectType: project.projectType,
    now: project.now().toISOString(),
    seed: project.seed,
  }
  if (wantsJson) return json({ ...about, keys, holds })
  const until = boundOf(options.until) ?? project.now().getTime()
  const day = (at: number) => new Date(at).toISOString().slice(0, 10)
  const window = `startDateTime=${day(until - 86_400_000)}%2000:00:00&endDateTime=${day(until)}%2000:00:00`
  return text(
    [
      `A fake Iterable at ${url} (${about.region}, ${about.projectType}-based project, seed ${about.seed}, now ${about.now})`,
      '',
      'keys',
      ...Object.entries(keys).map(([kind, key]) => `  ${kind.padEnd(12)} ${key}`),
      '',
      `people ${holds.users}, campaigns ${holds.campaigns}, templates ${holds.templates}, channels ${holds.channels}, message types ${holds.messageTypes}, metadata ${holds.metadata}`,
      '',
      'lists',
      ...holds.lists.map(
        ({ id, name, listType, size }) =>
          `  ${id}  ${listType.padEnd(11)} ${String(size).padStart(7)}  ${name}`,
      ),
      '',
      'events',
      ...Object.entries(events).map(([name, count]) => `  ${name.padEnd(24)} ${String(count).padStart(9)}`),
      '',
      'try',
      `  curl -H 'Api-Key: ${keys.server}' '${url}/api/lists'`,
      `  curl -H 'Api-Key: ${keys.server}' '${url}/api/export/data.json?dataTypeName=emailSend&${window}'`,
      '',
    ].join('\n'),
  )
}
