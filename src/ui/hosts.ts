/** Under which names the page answers: a name that somebody else's DNS points here must not open it. */
import { isIP } from 'node:net'

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/**
 * Addresses cannot be rebound, and `localhost` is this machine; any other name has to be configured. The port is not
 * looked at: a tunnel may end at another one.
 */
export function isOurHost(header: string | undefined, allowed: readonly string[]): boolean {
  const name = hostName(header)
  if (name === undefined) return false
  return isLoopback(name) || isIP(name) !== 0 || allowed.some((one) => one.toLowerCase() === name)
}

/** The name in a Host header, in lower case and without port and brackets. */
function hostName(header: string | undefined): string | undefined {
  const found = /^(?:\[(?<six>[\da-f:.]+)\]|(?<name>[^\s:/@[\]]+))(?::\d{1,5})?$/i.exec(header ?? '')
  return (found?.groups?.six ?? found?.groups?.name)?.toLowerCase()
}
