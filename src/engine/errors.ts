/** What DuckDB says, known by its words: its errors have no codes. */

/** DuckDB says so in several ways: a statement, a commit and a checkpoint each have their own. */
export const isOutOfMemory = (error: unknown): boolean =>
  /Out of Memory Error|(?:allocate|pin) (?:block|data) of size/.test(String(error))

/** A checkpoint that could not be written, by itself or at the end of a commit. */
export const isCheckpointFailure = (error: unknown): boolean =>
  /Checkpoint failed|checkpointing failed/.test(String(error))

/** A commit that stands, but whose checkpoint found no room: the file must be attached anew. */
export const isCommittedAllTheSame = (error: unknown): boolean =>
  /Failed to commit: Checkpoint failed for database/.test(String(error))

/** Nothing is left to roll back: some failures end the transaction by themselves. */
export const isOutsideTransaction = (error: unknown): boolean =>
  /no transaction is active/.test(String(error))
