import Foundation

/// What this process holds, for tests that look for leaks.
public enum ProcessState {
  /// Open descriptors.
  public static func descriptorCount() -> Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }
  /// Threads whose name begins with `prefix`.
  public static func threadCount(named prefix: String) -> Int {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return tasks.filter { id in
      let name = FileManager.default.contents(atPath: "/proc/self/task/\(id)/comm").map { String(decoding: $0, as: UTF8.self) } ?? ""
      return name.hasPrefix(prefix)
    }.count
  }
  /// Resident bytes.
  public static func residentBytes() -> Int {
    let text = FileManager.default.contents(atPath: "/proc/self/statm").map { String(decoding: $0, as: UTF8.self) } ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
