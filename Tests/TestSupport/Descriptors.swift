import Foundation

/// What this process holds, for tests that look for leaks.
public enum ProcessState {
  /// Open descriptors.
  public static func descriptorCount() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
  }
  /// Connections of this process to a port of 127.0.0.1: what one client among several in the process holds.
  public static func connectionCount(to port: Int) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    let mine = Set(
      names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") })
    let table = FileManager.default.contents(atPath: "/proc/net/tcp").map { String(decoding: $0, as: UTF8.self) } ?? ""
    let mark = "0100007F:" + String(port + 0x10000, radix: 16, uppercase: true).dropFirst()
    return table.split(separator: "\n").count { line in
      let columns = line.split(separator: " ")
      return columns.count > 9 && columns[2] == mark && mine.contains("socket:[\(columns[9])]")
    }
  }
  /// Threads whose name begins with `prefix`.
  public static func threadCount(named prefix: String) -> Int {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return tasks.filter { id in
      let name =
        FileManager.default.contents(atPath: "/proc/self/task/\(id)/comm").map { String(decoding: $0, as: UTF8.self) }
        ?? ""
      return name.hasPrefix(prefix)
    }.count
  }
  /// Resident bytes.
  public static func residentBytes() -> Int {
    let text =
      FileManager.default.contents(atPath: "/proc/self/statm").map { String(decoding: $0, as: UTF8.self) } ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
