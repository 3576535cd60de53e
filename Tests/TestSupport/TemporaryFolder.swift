import Foundation

/// A folder of its own for one test; gone with its last reference.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    var template = Array((FileManager.default.temporaryDirectory.path + "/binnacle-test-XXXXXX").utf8CString)
    guard let made = mkdtemp(&template) else { throw SystemFailure(call: "mkdtemp", code: errno) }
    path = String(cString: made)
  }

  /// The whole path of a name inside.
  public func file(_ name: String) -> String { path + "/" + name }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A system call that failed.
public struct SystemFailure: Error, CustomStringConvertible {
  public let call: String
  public let code: CInt
  public init(call: String, code: CInt) {
    self.call = call
    self.code = code
  }
  public var description: String { "\(call): \(String(cString: strerror(code)))" }
}
