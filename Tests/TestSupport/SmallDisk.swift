import Foundation
import Glibc

/// A file system of a few megabytes in memory, to be filled up; gone with its last reference.
///
/// Mounting takes root (or a container with CAP_SYS_ADMIN): tests that need it are skipped where `isPossible` is false,
/// and say so.
public final class SmallDisk: Sendable {
  private let folder: TemporaryFolder
  public let path: String

  /// For the trait `.enabled(if: SmallDisk.isPossible, SmallDisk.needs)`.
  public static let isPossible = (try? SmallDisk(megabytes: 1)) != nil
  public static let needs = "mounts a small tmpfs, which takes root"

  public init(megabytes: Int) throws {
    folder = try TemporaryFolder()
    path = folder.file("disk")
    guard mkdir(path, 0o700) == 0, mount("none", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
      throw SystemFailure(call: "mount tmpfs", code: errno)
    }
  }

  /// The whole path of a name inside.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes zeros until not a byte is left, or until only `bytes` are.
  public func fill(leaving bytes: Int = 0, name: String = "filler") throws {
    let descriptor = open(file(name), O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard descriptor >= 0 else { throw SystemFailure(call: "open", code: errno) }
    defer { close(descriptor) }
    let block = [UInt8](repeating: 0, count: 4_096)
    while freeBytes > bytes {
      guard Glibc.write(descriptor, block, block.count) == block.count else { break }
    }
  }

  public var freeBytes: Int {
    var facts = statvfs()
    return statvfs(path, &facts) == 0 ? Int(facts.f_bavail) * Int(facts.f_frsize) : 0
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }
}
