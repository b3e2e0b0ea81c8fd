/** Repeatable chance: everything the sandbox makes up hangs on the seed alone. */

/** A class, not closures: millions of them are made, one or two per event. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** 0 <= x < 1 (mulberry32) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    const state = this.#state
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }

  /** 0 <= n < end */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** Lower-case hexadecimal digits. */
  hex(length: number): string {
    let digits = ''
    for (let count = 0; count < length; count += 4) digits += hexWords[this.below(65_536)]
    return length % 4 === 0 ? digits : digits.slice(0, length)
  }
}

const hexWords = Array.from({ length: 65_536 }, (_, word) => word.toString(16).padStart(4, '0'))

/** A generator for one purpose: the same words always give the same sequence. */
export function randomFor(...words: (string | number)[]): Random {
  return new Random(hash32(words.join('\u0001')))
}

/** FNV-1a with a final avalanche, 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return mix(hash)
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
