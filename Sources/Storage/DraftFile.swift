import Glibc

/// A file that is made beside its name and gets it when all of it is on disk, so that under the name there is never
/// half a one. Nobody else reads it: objects hold secrets. What was not kept is gone with the value.
public struct DraftFile: ~Copyable {
  public let path: String
  public let descriptor: Int32
  private let target: String
  private let companions: [String]

  /// `target` must not exist. `companions`: endings of files that whoever fills the draft may leave beside it. Throws
  /// `.invalidConfiguration` with one line.
  public init(of target: String, companions: [String] = []) throws(StorageError) {
    guard access(target, F_OK) != 0 else { throw .invalidConfiguration("\(target) is there already: name a new file") }
    let path = "\(target).new-\(getpid())"
    for ending in [""] + companions { unlink(path + ending) }
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .invalidConfiguration("\(target): \(String(cString: strerror(errno)))") }
    self.path = path
    self.descriptor = descriptor
    self.target = target
    self.companions = companions
  }

  deinit {
    close(descriptor)
    for ending in [""] + companions { unlink(path + ending) }
  }

  /// Gives the file its name. Throws `.invalidConfiguration` with one line.
  public func keep() throws(StorageError) {
    // Where there are no hard links a rename has to do.
    guard fsync(descriptor) == 0, link(path, target) == 0 || (errno != EEXIST && rename(path, target) == 0) else {
      throw .invalidConfiguration("\(target): \(String(cString: strerror(errno)))")
    }
  }
}
