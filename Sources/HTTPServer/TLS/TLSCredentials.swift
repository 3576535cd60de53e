import CNetwork
import Glibc
import Synchronization

/// The credentials of a listener, replaced as a whole when their files change.
public final class TLSCredentials: Sendable {
  public let configuration: TLSConfiguration
  private let state: Mutex<State>
  private let reloads = Atomic<Int>(0)

  private struct State {
    var context: TLSContext
    /// What the files looked like when the context was read, or last failed to be.
    var stamps: [FileStamp?]
  }

  /// Reads all files.
  public init(_ configuration: TLSConfiguration) throws(TLSError) {
    self.configuration = configuration
    // Stamps first: a file that changes while it is read is then read again.
    let stamps = configuration.files.map(FileStamp.init)
    state = Mutex(State(context: try TLSContext(configuration), stamps: stamps))
  }

  /// Reads all files but the first certificate and its key, which may still have to be made.
  public static func checkAllButTheFirst(_ configuration: TLSConfiguration) throws(TLSError) {
    try TLSContext.checkAllButTheFirst(configuration)
  }
  /// Another after each reload. What was found with the authorities' help holds as long as it stays the same.
  var generation: Int { reloads.load(ordering: .acquiring) }

  /// What new connections are made from.
  var context: TLSContext { state.withLock { $0.context } }

  /// Reads the files again if any has changed since; true if new connections now get the new ones. Throws when they
  /// can't be used: what was loaded stays, and the same files are not tried again. Blocks on the file system.
  /// Connections go on; whose certificate clients are is asked anew with their next requests.
  public func reloadIfChanged() throws(TLSError) -> Bool {
    let stamps = configuration.files.map(FileStamp.init)
    let isSame = state.withLock { state in
      defer { state.stamps = stamps }
      return state.stamps == stamps
    }
    if isSame { return false }
    let context = try TLSContext(configuration)
    state.withLock { $0.context = context }
    reloads.add(1, ordering: .releasing)
    return true
  }
}

/// What tells one version of a file from the next. Follows links, as Kubernetes replaces mounted secrets by moving one.
struct FileStamp: Equatable {
  private let device: UInt
  private let inode: UInt
  private let size: Int
  private let seconds: Int
  private let nanoseconds: Int

  /// nil when there is no such file.
  init?(_ path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    (device, inode, size) = (UInt(facts.st_dev), UInt(facts.st_ino), Int(facts.st_size))
    (seconds, nanoseconds) = (facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec)
  }
}
