import Glibc

/// What the kernel says of this process, under the names that Prometheus' clients use.
public enum ProcessMetrics {
  public static let source: MetricsSource = { text in
    if let startTime {
      text.family("process_start_time_seconds", .gauge, "Start time of the process since unix epoch in seconds.")
      text.sample([], startTime)
    }
    var usage = rusage()
    if getrusage(RUSAGE_SELF.rawValue, &usage) == 0 {
      text.family("process_cpu_seconds_total", .counter, "Total user and system CPU time spent in seconds.")
      text.sample([], seconds(usage.ru_utime) + seconds(usage.ru_stime))
    }
    let sizes = read("/proc/self/statm").split(separator: " ").compactMap { Int($0) }
    if sizes.count >= 2 {
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      text.family("process_virtual_memory_bytes", .gauge, "Virtual memory size in bytes.")
      text.sample([], sizes[0] * page)
      text.family("process_resident_memory_bytes", .gauge, "Resident memory size in bytes.")
      text.sample([], sizes[1] * page)
    }
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      text.family("process_max_fds", .gauge, "Maximum number of open file descriptors.")
      text.sample([], Double(limit.rlim_cur))
    }
    text.family("process_open_fds", .gauge, "Number of open file descriptors.")
    text.sample([], openDescriptors())
  }

  /// Read once: the boot time and the ticks since then do not change. nil where /proc is closed to us (systemd's
  /// `ProcSubset=pid`).
  private static let startTime: Double? = {
    guard
      let boot = read("/proc/stat").split(separator: "\n").first(where: { $0.hasPrefix("btime ") }).flatMap({
        Double($0.dropFirst(6))
      })
    else { return nil }
    // The command's name may hold spaces; what follows its closing parenthesis begins with field 3, the start is field
    // 22.
    let fields = read("/proc/self/stat").split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
    return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }()

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

  private static func openDescriptors() -> Int {
    guard let folder = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    return count - 3  // ".", ".." and the folder itself
  }

  /// The first 64 KiB of a file of /proc; empty when it can't be read.
  private static func read(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    var used = 0
    while used < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress.map { $0 + used }, $0.count - used)
      }
      if count <= 0 { break }
      used += count
    }
    return String(decoding: bytes[..<used], as: UTF8.self)
  }
}
