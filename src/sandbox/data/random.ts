/** Repeatable chance: everything the sandbox makes up hangs on the seed alone. */

export interface Random {
  /** 0 <= x < 1 */
  next(): number
  /** 0 <= n < end */
  below(end: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** Lower-case hexadecimal digits. */
  hex(length: number): string
}

/** A generator for one purpose: the same words always give the same sequence. */
export function randomFor(...words: (string | number)[]): Random {
  const next = mulberry32(hash32(words.join('\u0001')))
  const below = (end: number) => Math.floor(next() * end)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)]!,
    hex: (length) => {
      let digits = ''
      while (digits.length < length) digits += ((next() * 0x100000000) >>> 0).toString(16).padStart(8, '0')
      return digits.slice(0, length)
    },
  }
}

/** FNV-1a with a final avalanche, 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return mix(hash)
}

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
