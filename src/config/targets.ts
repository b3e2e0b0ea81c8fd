/**
 * `targets` of a configuration: what differs between development and production, laid over what they share. Pure.
 * Only the target that is chosen is looked at: nobody needs the secrets of production to develop.
 */
import { suggestion } from '../nearest.ts'
import { isPlainObject } from './interpolate.ts'
import type { Fault, Path } from './path.ts'

/** What is said of targets beside the settings themselves. */
export const targetKeys = ['target', 'targets'] as const

export interface Chosen {
  /** The settings of all, with those of the target over them. */
  readonly value: unknown
  /** Undefined where the configuration has none. */
  readonly target: string | undefined
  /** Where a setting stands in the file. */
  readonly placeOf: (path: Path) => Path
}

/**
 * Lays the target over the rest: objects key by key, everything else, and the warehouse, as a whole. `asked` (the
 * option, else the environment) goes before `target` of the configuration; the only target needs no asking.
 */
export function chooseTarget(
  raw: unknown,
  { asked, known }: { readonly asked: string | undefined; readonly known: () => readonly string[] },
): Chosen | { readonly faults: readonly Fault[] } {
  if (!isPlainObject(raw)) return { value: raw, target: undefined, placeOf: (path) => path }
  const { target: preset, targets, ...shared } = raw
  if (targets === undefined && preset === undefined) {
    if (asked === undefined) return { value: raw, target: undefined, placeOf: (path) => path }
    return faultAt([], `there are no "targets", and ${shownName(asked)} is asked for`)
  }
  if (!isPlainObject(targets) || Object.keys(targets).length === 0)
    return faultAt(['targets'], 'expected an object {…} with settings by the name of a target')
  const wrong = Object.entries(targets).flatMap(([name, one]) => faultsOfTarget(name, one, known()))
  if (preset !== undefined && typeof preset !== 'string')
    wrong.push({ path: ['target'], message: 'expected the name of a target' })
  if (wrong.length > 0) return { faults: wrong }
  const names = Object.keys(targets)
  const name = asked ?? (preset as string | undefined) ?? (names.length === 1 ? names[0] : undefined)
  if (name === undefined)
    return faultAt(
      ['target'],
      `which of ${names.join(', ')}? Name one here, with --target, or in ITERABLE_ELT_TARGET`,
    )
  const settings = Object.hasOwn(targets, name) ? targets[name] : undefined
  if (settings === undefined)
    return faultAt(
      asked === undefined ? ['target'] : ['targets'],
      `there is no target ${shownName(name)}${suggestion(name, names)}`,
    )
  return {
    value: laidOver(shared, settings, []),
    target: name,
    placeOf: (path) => (isOfTarget(path, settings, shared) ? ['targets', name, ...path] : path),
  }
}

/** Who gives an address in place of a name (`copy --to postgres://…`) does not want to read its password. */
const shownName = (name: string): string =>
  /[:=@]/.test(name) ? '"…" (an address is not a name; it belongs into "targets")' : JSON.stringify(name)

const faultAt = (path: Path, message: string) => ({ faults: [{ path, message }] })

function faultsOfTarget(name: string, settings: unknown, known: readonly string[]): Fault[] {
  const path = ['targets', name]
  if (!isPlainObject(settings)) return [{ path, message: 'expected an object {…} with settings' }]
  return Object.keys(settings).flatMap((key) => {
    if (targetKeys.some((one) => one === key))
      return [{ path: [...path, key], message: 'a target has no targets of its own' }]
    return known.includes(key)
      ? []
      : [{ path: [...path, key], message: `unknown key${suggestion(key, known)}` }]
  })
}

/** Where a fault stands: in the target, where that has the setting or comes closer to it. */
function isOfTarget(path: Path, settings: unknown, shared: unknown): boolean {
  const [over, under] = [depthOf(path, settings), depthOf(path, shared)]
  if (path.length === 0 || over === 0) return false
  return over === path.length || over > under || path[0] === 'warehouse'
}

/** How many of the keys are there, one within the other. */
function depthOf([key, ...rest]: Path, value: unknown): number {
  if (key === undefined || typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return 0
  return 1 + depthOf(rest, Reflect.get(value, key))
}

function laidOver(under: unknown, over: unknown, path: Path): unknown {
  // Half of one warehouse and half of another do not make one.
  if (!isPlainObject(under) || !isPlainObject(over) || path[0] === 'warehouse') return over
  const keys = [...new Set([...Object.keys(under), ...Object.keys(over)])]
  return Object.fromEntries(
    keys.map((key) => [
      key,
      Object.hasOwn(over, key) && Object.hasOwn(under, key)
        ? laidOver(under[key], over[key], [...path, key])
        : Object.hasOwn(over, key)
          ? over[key]
          : under[key],
    ]),
  )
}
