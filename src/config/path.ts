/** Where something stands in a configuration, and what is wrong there. */

export type Path = readonly PropertyKey[]
export type Fault = { readonly path: Path; readonly message: string }

/** `connections.iterable.rate_limits`, `to[0]`, `connections["my project"]`. */
export function pathText(path: Path): string {
  return path
    .map((key) => {
      if (typeof key === 'number') return `[${key}]`
      const name = String(key)
      return /^[\w$-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
    })
    .join('')
    .replace(/^\./, '')
}
