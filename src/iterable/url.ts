import { ConfigError } from '../errors.ts'
import { type EndpointName, endpoints } from './endpoints.ts'

/** The API hosts of the two data centers. A key belongs to one project, and so to one of them. */
export const regionHosts = { us: 'https://api.iterable.com', eu: 'https://api.eu.iterable.com' } as const

/** The base URL of a connection: its own when it names one, else that of its region. */
export function baseUrlOf(connection: { region: 'us' | 'eu'; base_url?: string | null | undefined }): URL {
  const text = connection.base_url || regionHosts[connection.region]
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && ['http:', 'https:'].includes(url.protocol)) return url
  throw new ConfigError(`base_url must be an http or https URL, not ${JSON.stringify(text)}`)
}

/** Parameters of a call by name. */
export type Query = Readonly<
  Record<string, string | number | boolean | undefined | readonly (string | number)[]>
>

/**
 * The full URL of a call. Blanks and pluses are percent-encoded, as Iterable asks for its times and e-mail
 * addresses; an undefined parameter is left out, an array repeats its parameter.
 */
export function urlOf(
  base: URL,
  endpoint: EndpointName,
  path: Readonly<Record<string, string | number>> = {},
  query: Query = {},
): URL {
  const filled = endpoints[endpoint].path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = path[name]
    if (value === undefined || value === '') throw new TypeError(`endpoint ${endpoint} needs path.${name}`)
    return encodeURIComponent(value)
  })
  const url = new URL(base)
  url.pathname = url.pathname.replace(/\/+$/, '') + filled
  url.hash = ''
  url.search = Object.entries(query)
    .flatMap(([name, value]) => {
      const values = typeof value === 'object' ? value : value === undefined ? [] : [value]
      return values.map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`)
    })
    .join('&')
  return url
}
