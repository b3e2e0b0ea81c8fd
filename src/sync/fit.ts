/** Cuts windows of whatever length to what their stream is known to bring by now. */
import type { Stream } from '../catalog/index.ts'
import type { StreamVolume } from '../state/stream-volumes.ts'
import type { Download } from './download.ts'
import { isExport } from './instead.ts'
import { cutOf, type ExportStream, type Part } from './parts.ts'
import { daysBetween, learned } from './volume.ts'
import { longDays, windowDays } from './window-length.ts'
import type { Window } from './windows.ts'

/** What years of a stream should bring that brings much everywhere, until it is known. */
const bulkyBytes = 5e9

/** So much more of a window is read with it: as one of its own it would wait once more. */
const littleShare = 1 / 4

export class WindowFit {
  readonly #stream: Stream
  /** Of windows that have come, committed or not: the next one is cut before the last one is committed. */
  #volume: StreamVolume | undefined
  #before: { readonly days: number; readonly seconds: number } | undefined

  constructor(stream: Stream, volume: StreamVolume | undefined) {
    this.#stream = stream
    this.#volume = volume
  }

  /** Something has come of the stream, now or in an earlier sync. */
  get isKnown(): boolean {
    return this.#volume !== undefined
  }

  /** What so many days should bring. */
  expectedBytes(days: number): number {
    if (this.#volume) return this.#volume.bytesPerDay * days
    return this.#stream.isBulky && days > longDays ? bulkyBytes : 0
  }

  /** The length of its window is ours. */
  mayCut({ isFlexible, window, missed }: Part): boolean {
    return Boolean(isFlexible && window && !missed) && isExport(this.#stream)
  }

  /** What is read of a part now, bringing so many bytes at most, and what is left for later. */
  cut(part: Part, mostBytes: number): readonly [Part, Part?] {
    if (!this.mayCut(part)) return [part]
    const left = daysBetween(part.window as Window)
    const days = windowDays({
      days: left,
      volume: this.#volume,
      mostBytes,
      before: this.#before,
      isBulky: this.#stream.isBulky ?? false,
    })
    if (left <= days * (1 + littleShare)) return [part]
    return cutOf(this.#stream as ExportStream, part, days) ?? [part]
  }

  /** A part has come; `seconds` of an answer tell of its window, those of a job of the queue that it stood in. */
  learn({ window }: Part, { chunks, bytes, job }: Download, seconds: number): void {
    if (!window) return
    const rows = chunks.reduce((sum, { lines }) => sum + lines, 0)
    this.#volume = learned(this.#volume, { window, rows, bytes })
    this.#before = job ? undefined : { days: daysBetween(window), seconds }
  }
}
