/// Numbers that tests turn; the defaults are the measured ones (docs/internals/storage.md).
struct Tuning: Sendable {
  /// Threads with a connection of their own for reads.
  var readers = 2
  /// Writes that may wait for the writer; more are refused.
  var writeQueueLimit = 65_536
  var readQueueLimit = 65_536
  var writerCacheKiB = 2_048
  var readerCacheKiB = 2_048
  /// The checkpoint thread copies the WAL each time it has grown by so many pages…
  var checkpointPages = 1_000
  /// …and the writer itself at so many, when nobody can write beside it, or the WAL would never be started anew.
  var checkpointPagesInWriter = 16_000
  /// Revisions that compaction by itself always leaves, so that watches of before a restart can be resumed.
  var revisionsKept: Int64 = 10_000
  /// …and the most that it lets stand, however young: what disk, memory and the time to open have to carry under the
  /// heaviest load.
  var revisionsKeptAtMost: Int64 = 250_000
  /// Revisions compacted in one transaction; more would make writers wait.
  var compactionSlice: Int64 = 150
  /// Revisions that wait for compaction from which on it no longer rests between slices.
  var compactionBacklog: Int64 = 50_000
  /// Rows of one read transaction. Long ones keep checkpoints from finishing.
  var rowsPerRead = 256
  /// Index entries visited under the lock at a time.
  var keysPerLock = 4_096
  /// Rows that a replay may be ahead of the watch's reader.
  var replayAhead = 256
  /// As `checkpointPages`, by the writer itself, where the disk is all but full.
  var checkpointPagesWhenLow = 64
  /// Room in bytes below which what is in the WAL only must fit into the reserve: twice what the WAL may hold.
  var roomWhenTight: UInt64 = 128 << 20
  /// Stands in for what the disk has left.
  var maxPageCount: Int64?
  /// Says what the next commit shall suffer.
  var commitFault: (@Sendable () -> CommitFault?)?
}

/// Failures that tests ask for.
enum CommitFault: Sendable {
  /// COMMIT reports an error and nothing was written.
  case lost
  /// COMMIT reports an error although everything was written.
  case writtenAnyway
}
