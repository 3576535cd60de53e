public import Foundation

/// Where this checkout stands.
public enum Repository {
  /// The folder that holds Package.swift.
  public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}

/// Programs that tests start. A missing one fails the test with the command that installs it.
public enum Tools {
  /// The folder that `scripts/test` fills: `BINNACLE_TEST_TOOLS`, else `.build/tools` of the repository.
  public static let folder: String =
    ProcessInfo.processInfo.environment["BINNACLE_TEST_TOOLS"] ?? Repository.root.appending(path: ".build/tools").path

  /// A program in the tools folder, such as `etcd-3.5.1/etcd`.
  public static func path(_ relative: String) throws -> String {
    let path = folder + "/" + relative
    guard FileManager.default.isExecutableFile(atPath: path) else { throw Missing(program: path) }
    return path
  }

  /// A folder in the tools folder, such as `python-clients`.
  public static func subfolder(_ relative: String) throws -> String {
    let path = folder + "/" + relative
    guard FileManager.default.fileExists(atPath: path + "/.complete") else { throw Missing(program: path) }
    return path
  }

  /// A program that the system has, looked for on PATH and where Debian puts servers.
  public static func system(_ name: String) throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in path.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/sbin", "/bin"] {
      let candidate = folder + "/" + name
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    throw Missing(program: name)
  }

  /// What runs a command under a clock that is off by so much, as `+2h`.
  ///
  /// faketime runs it in a process of its own, which would stay on when faketime is killed, were it not to end with it.
  public static func shiftingClock(by offset: String) throws -> [String] {
    // No clock that is set moves the one that only runs.
    [try system("faketime"), "--exclude-monotonic", "-f", offset, try system("setpriv"), "--pdeathsig", "KILL", "--"]
  }

  public struct Missing: Error, CustomStringConvertible {
    public let program: String
    public var description: String { "\(program) is missing: run scripts/test once, it installs what the tests need" }
  }

  /// Were the large counts asked for (`scripts/test --full`)?
  public static let isFullRun = ProcessInfo.processInfo.environment["BINNACLE_TEST_FULL"] == "1"
}
