/** The end of a file of lines, which tells whether the file is whole. */
import { open } from 'node:fs/promises'
import { isErrorObject, shown } from '../iterable/forms.ts'
import { isUnfinished } from '../json/depth.ts'

/** The last line of a file that is not blank, where it lies within the last `most` bytes; else the end of it. */
export async function lastLineOf(path: string, bytes: number, most: number): Promise<string> {
  const file = await open(path)
  try {
    const length = Math.min(bytes, most)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, bytes - length)
    const text = buffer.toString().trimEnd()
    return text.slice(text.lastIndexOf('\n') + 1)
  } finally {
    await file.close()
  }
}

/** Files of exports are small: their last line is looked at whole, up to this. */
const tailBytes = 2 ** 20

/** What shows that a file of lines does not end where it should; undefined for one that does. */
export async function faultOfEnd(path: string, bytes: number): Promise<string | undefined> {
  if (bytes === 0) return undefined
  const line = await lastLineOf(path, bytes, tailBytes)
  if (isErrorObject(line)) return `it ends with ${shown(line)}`
  return isUnfinished(line) ? 'it ends in the middle of a line' : undefined
}
