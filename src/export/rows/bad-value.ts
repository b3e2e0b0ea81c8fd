/** A value that cannot be sent as it is. */
export class BadValue extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
