/** The connections to Iterable, from the first request on. */
import type { Connections } from './connections.ts'

/** Most commands make no request, and to load what makes them takes a tenth of their time: it waits for the first one. */
export function createAgent(env: Readonly<Record<string, string | undefined>> = {}): Connections {
  let opened: Promise<Connections> | undefined
  const open = async () => {
    const { openConnections } = await import('./connections.ts')
    return openConnections(env)
  }
  return {
    async request(url, options) {
      opened ??= open()
      return (await opened).request(url, options)
    },
    async destroy() {
      const connections = await opened?.catch(() => undefined)
      await connections?.destroy()
    },
  }
}
