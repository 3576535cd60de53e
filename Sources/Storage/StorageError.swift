/// What any backend may report; etcd and SQLite speak only this. The Registry translates it into a `Status`, in one
/// place.
public enum StorageError: Error, Equatable {
  case keyNotFound(key: String)
  case keyExists(key: String)
  /// History up to `compacted` is gone (zero: the backend does not say).
  case compacted(requested: Revision, compacted: Revision)
  /// The storage has not got there yet.
  case futureRevision(requested: Revision, current: Revision)
  /// A watch ended for a reason after which it can be resumed.
  case watchClosed(String)
  /// The storage did not take the write and never will: larger than it accepts. The text is the backend's.
  case tooLarge(String)
  /// The cache did not reach the revision in time.
  case resourceVersionTooLarge(requested: Revision, current: Revision)
  /// The value can't be decoded: damaged, or of a form that this build does not know.
  case corruptObject(key: String, reason: String)
  /// The value can't be decrypted (or, on a write, encrypted): another key, or damaged.
  case untransformable(key: String, reason: String)
  /// A list met values that can't be read: each as one of the two above, at most `unreadableMax` of them.
  case unreadableObjects([StorageError])
  /// The storage answered with something that its API does not allow, so that it says nothing: not absence, and not
  /// success. Of a write the outcome is unknown. The text names what was wrong.
  case wrongAnswer(String)
  /// No answer. For a write the outcome may be unknown; backends resolve that by reading before they throw.
  case unreachable(String)
  /// The storage has no room for a write, or has raised an alarm because of it. The text is the backend's.
  case outOfSpace(String)
  /// The storage refused: no permission, too much waits. The text is the backend's.
  case refused(String)
  /// The cache is starting or relisting; ask again in this many seconds.
  case notReady(retryAfterSeconds: Int)
  /// The configuration is unusable; the text says what to change.
  case invalidConfiguration(String)
  /// The storage has been destroyed.
  case shutDown

  /// Most objects that `unreadableObjects` names.
  public static let unreadableMax = 100
}
