/** API keys of every type and what each may call. */
import { randomFor } from './data/random.ts'
import type { SandboxKeys } from './options.ts'

export type KeyKind = keyof SandboxKeys | 'none' | 'unknown'

export function makeKeys(seed: number): SandboxKeys {
  const key = (kind: string) => randomFor(seed, 'key', kind).hex(32)
  return {
    server: key('server'),
    readOnly: key('readOnly'),
    mobile: key('mobile'),
    javascript: key('javascript'),
    disabled: key('disabled'),
    euServer: key('euServer'),
    usServer: key('usServer'),
  }
}

export function keyKindOf(keys: SandboxKeys, key: string | undefined): KeyKind {
  if (!key) return 'none'
  const found = Object.entries(keys).find(([, value]) => value === key)
  return found ? (found[0] as keyof SandboxKeys) : 'unknown'
}

/** 200: may call; 401: no valid key of this data centre; 403: a key of the wrong type. */
export function permission(
  kind: KeyKind,
  region: 'us' | 'eu',
  method: string,
  path: string,
): 200 | 401 | 403 {
  switch (kind) {
    case 'server':
      return 200
    case 'usServer':
    case 'euServer':
      return kind.startsWith(region) ? 200 : 401
    case 'readOnly':
      return method === 'GET' && readOnlyPaths.some((pattern) => pattern.test(path)) ? 200 : 403
    case 'mobile':
    case 'javascript':
      return method === 'POST' && path === '/api/users/update' ? 200 : 403
    default:
      return 401
  }
}

// The part of the documentation's list that is public; exports and members of lists are not on it.
const readOnlyPaths = [
  /^\/api\/(campaigns|channels|messageTypes|lists|metadata|templates)$/,
  /^\/api\/(campaigns|metadata)\//,
  /^\/api\/users\/getFields$/,
  /^\/api\/templates\/\w+\/get$/,
  /^\/api\/experiments\/metrics$/,
]
