/** Members of one name within one nested object: a warehouse that keeps the last of them only must say so. */

import { hashOf } from './names.ts'

/** Compared one by one up to here, which is quickest for the few names that most objects have. */
const fewNames = 32

/** The objects and arrays that are open at a place of a line, and the names that each of them has had. */
export class NestedNames {
  /** For each open bracket: where the names of the object begin, or that it is an array. */
  #open = new Int32Array(64)
  #depth = 0
  /** Of each name its hash, and where it stands. */
  #names = new Int32Array(3 * 256)
  #count = 0
  /** Names of objects that have many, by the place where their names begin. */
  readonly #many = new Map<number, Set<string>>()
  /** A name may follow a comma: the innermost bracket is that of an object. */
  isInObject = false

  /** A line begins. */
  reset(): void {
    this.#depth = 0
    this.#count = 0
    this.isInObject = false
    if (this.#many.size > 0) this.#many.clear()
  }

  enter(isObject: boolean): void {
    if (this.#depth === this.#open.length) this.#open = larger(this.#open)
    this.#open[this.#depth] = isObject ? this.#count : array
    this.#depth += 1
    this.isInObject = isObject
  }

  leave(): void {
    if (this.#depth === 0) return
    this.#depth -= 1
    const begin = this.#open[this.#depth] as number
    if (begin !== array) {
      this.#count = begin
      if (this.#many.size > 0) this.#many.delete(begin)
    }
    this.isInObject = this.#depth > 0 && this.#open[this.#depth - 1] !== array
  }

  /** Takes the name between two positions; true when the object has had it before. */
  add(bytes: Buffer, from: number, to: number): boolean {
    const begin = this.#open[this.#depth - 1] as number
    if (this.#count - begin >= fewNames) return this.#addToMany(begin, bytes, from, to)
    const hash = hashOf(bytes, from, to)
    for (let at = 3 * begin; at < 3 * this.#count; at += 3) {
      if (
        this.#names[at] === hash &&
        isSame(bytes, this.#names[at + 1] as number, this.#names[at + 2] as number, from, to)
      )
        return true
    }
    const at = 3 * this.#count
    if (at === this.#names.length) this.#names = larger(this.#names)
    this.#names[at] = hash
    this.#names[at + 1] = from
    this.#names[at + 2] = to
    this.#count += 1
    return false
  }

  #addToMany(begin: number, bytes: Buffer, from: number, to: number): boolean {
    let names = this.#many.get(begin)
    if (!names) {
      names = new Set()
      for (let at = 3 * begin; at < 3 * this.#count; at += 3)
        names.add(bytes.toString('latin1', this.#names[at + 1], this.#names[at + 2]))
      this.#many.set(begin, names)
    }
    const before = names.size
    return names.add(bytes.toString('latin1', from, to)).size === before
  }
}

function larger(full: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const twice = new Int32Array(2 * full.length)
  twice.set(full)
  return twice
}

const array = -1

function isSame(bytes: Buffer, from: number, to: number, otherFrom: number, otherTo: number): boolean {
  if (to - from !== otherTo - otherFrom) return false
  for (let at = from; at < to; at += 1) if (bytes[at] !== bytes[otherFrom + at - from]) return false
  return true
}
