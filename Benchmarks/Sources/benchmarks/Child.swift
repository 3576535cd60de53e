import Glibc
import LoadClient

/// A server under measurement: a child process pinned to some cores.
final class Child {
  let pid: pid_t
  let name: String
  private var isRunning = true

  /// Starts `command`, pinned to `cores` (`0`, `0,1`), with its output in a file.
  init(_ name: String, cores: String, _ command: [String]) throws {
    self.name = name
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, 2, "/tmp/binnacle-benchmark-\(name).log", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let words = ["taskset", "-c", cores] + command
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, "taskset", &actions, nil, &arguments, environ)
    guard code == 0 else { throw Failure("can't start \(name): \(String(cString: strerror(code)))") }
    self.pid = pid
  }

  /// User and system time so far, in seconds.
  var cpuSeconds: Double {
    guard let text = try? readFile("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return 0 }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// What its threads have run so far, in seconds; finer than `cpuSeconds`, for one that hardly does anything.
  var scheduledSeconds: Double {
    let threads = (try? output(of: ["ls", "/proc/\(pid)/task"]))?.split(separator: "\n") ?? []
    return threads.reduce(0) { sum, thread in
      let text = try? readFile("/proc/\(pid)/task/\(thread)/schedstat")
      return sum + (text?.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1e9
    }
  }

  /// Resident memory, in bytes.
  var residentBytes: Int { status("VmRSS") * 1024 }

  /// Resident memory that is this process's alone: without the program's own file. In bytes.
  var privateBytes: Int { status("RssAnon") * 1024 }

  var threads: Int { status("Threads") }

  /// A number of its status as the kernel shows it; 0 where there is none.
  private func status(_ name: String) -> Int {
    guard let text = try? readFile("/proc/\(pid)/status"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") })
    else { return 0 }
    return Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first ?? "0") ?? 0
  }

  func stop() {
    guard isRunning else { return }
    isRunning = false
    kill(pid, SIGTERM)
    var status: Int32 = 0
    for _ in 0..<100 {
      if waitpid(pid, &status, WNOHANG) == pid { return }
      usleep(50_000)
    }
    kill(pid, SIGKILL)
    waitpid(pid, &status, 0)
  }

  deinit { stop() }
}

func readFile(_ path: String) throws -> String {
  guard let file = fopen(path, "r") else { throw Failure("can't read \(path)") }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = fread(&buffer, 1, buffer.count, file)
    if count == 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += buffer[..<count]
  }
}

func writeFile(_ path: String, _ text: String) throws {
  guard let file = fopen(path, "w") else { throw Failure("can't write \(path)") }
  defer { fclose(file) }
  let bytes = Array(text.utf8)
  guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw Failure("can't write \(path)") }
}

/// Runs a command to its end and returns what it printed.
func output(of command: [String]) throws -> String {
  let quoted = command.map {
    "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }.joined(separator: " ")
  guard let pipe = popen(quoted, "r") else { throw Failure("can't run \(command[0])") }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = fread(&buffer, 1, buffer.count, pipe)
    if count == 0 { break }
    bytes += buffer[..<count]
  }
  let code = pclose(pipe)
  let text = String(decoding: bytes, as: UTF8.self)
  guard code == 0 else { throw Failure("\(command.joined(separator: " ")) failed: \(text)") }
  return text
}
