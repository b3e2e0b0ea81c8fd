/** What tests of lakes know of a cloud's storage, which has a bucket `lake` and no other. */
export interface Cloud extends AsyncDisposable {
  /** `warehouse.storage` of a lake in it. */
  readonly storage: Readonly<Record<string, string | boolean>>
  /** The same with a key that it does not know. */
  readonly stranger: Readonly<Record<string, string | boolean>>
  /** The files in the bucket. */
  countFiles(): Promise<number>
}
