/** Cuts windows of whatever length to what their stream is known to bring by now. */
import type { Stream } from '../catalog/index.ts'
import type { Volume } from '../state/stream-volumes.ts'
import type { Download } from './download.ts'
import { isExport } from './instead.ts'
import { cutOf, type Part } from './parts.ts'
import { daysOf, learned } from './volume.ts'
import { windowDays } from './window-length.ts'

export class WindowFit {
  readonly #stream: Stream
  /** Of windows that have come, committed or not: the next one is cut before the last one is committed. */
  #volume: Volume | undefined
  #before: { readonly days: number; readonly seconds: number } | undefined

  constructor(stream: Stream, volume: Volume | undefined) {
    this.#stream = stream
    this.#volume = volume
  }

  /** Something has come of the stream, now or in an earlier sync. */
  get isKnown(): boolean {
    return this.#volume !== undefined
  }

  /** What is read of a part now, and what is left for later. */
  cut(part: Part): readonly [Part, Part?] {
    if (!part.isFlexible || !part.window || part.missed || !isExport(this.#stream)) return [part]
    const days = windowDays({ days: daysOf(part.window), volume: this.#volume, before: this.#before })
    return cutOf(this.#stream, part, days) ?? [part]
  }

  /** A part has come; `seconds` of an answer tell of its window, those of a job of the queue that it stood in. */
  learn({ window }: Part, { chunks, bytes, job }: Download, seconds: number): void {
    if (!window) return
    const rows = chunks.reduce((sum, { lines }) => sum + lines, 0)
    this.#volume = learned(this.#volume, { window, rows, bytes })
    this.#before = job ? undefined : { days: daysOf(window), seconds }
  }
}
