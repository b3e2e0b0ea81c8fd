/** The name by which a type of the export is asked for. */
import { IterableHttpError } from '../iterable/errors.ts'

/** For types of which Iterable's own sources know two names: the second is taken once the first was refused. */
export class ExportType {
  #name: string
  #other: string | undefined

  constructor({ dataType, otherwise }: { readonly dataType: string; readonly otherwise?: string }) {
    this.#name = dataType
    this.#other = otherwise
  }

  /** The name that is right, as far as we know. */
  get name(): string {
    return this.#name
  }

  /** Asks by that name, and by the other one where it is refused. */
  async ask<T>(ask: (dataType: string) => Promise<T>): Promise<T> {
    try {
      return await ask(this.#name)
    } catch (error) {
      if (!(error instanceof IterableHttpError) || error.status !== 400 || !this.#other) throw error
      this.#name = this.#other
      this.#other = undefined
      return await ask(this.#name)
    }
  }
}
