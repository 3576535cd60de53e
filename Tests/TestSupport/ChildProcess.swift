public import Foundation
import Synchronization

/// A program that a test started; killed when the last reference goes, and by the kernel if the test process dies.
public final class ChildProcess: Sendable {
  public let pid: pid_t
  /// Where its output goes, both streams in one file.
  public let outputFile: String
  private let end = Mutex<CInt?>(nil)

  /// Starts `command` (whole path or a name on PATH) with `environment` laid over ours.
  public init(_ command: [String], environment: [String: String] = [:], input: String? = nil, outputFile: String) throws
  {
    self.outputFile = outputFile
    var words = command
    guard let program = words.first else { throw SystemFailure(call: "starting nothing", code: EINVAL) }
    if !program.contains("/") { words[0] = try Tools.system(program) }
    // setpriv(1) is in Debian's essential util-linux: no orphan servers after a crashed test run.
    words = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"] + words

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputFile, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Swift's importer hides this one behind _GNU_SOURCE. Without it a child holds listening sockets of the test open.
    if let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") {
      typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt
      _ = unsafeBitCast(symbol, to: CloseFrom.self)(&actions, 3)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    var defaults = sigset_t()
    sigemptyset(&defaults)
    for signal in [SIGPIPE, SIGTERM, SIGINT] { sigaddset(&defaults, signal) }
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
    let result = Spawner.shared.spawn(words, variables, &actions, &attributes)
    guard result.code == 0 else { throw SystemFailure(call: "posix_spawn \(words[4])", code: result.code) }
    pid = result.pid
  }

  deinit {
    if end.withLock({ $0 == nil }) {
      Glibc.kill(pid, SIGKILL)
      var status: CInt = 0
      waitpid(pid, &status, 0)
    }
  }

  /// Everything it printed so far.
  public var output: String {
    String(decoding: FileManager.default.contents(atPath: outputFile) ?? Data(), as: UTF8.self)
  }

  /// The exit status if it has ended: as a shell shows it, 128 + the signal for a killed program.
  public var exitStatus: CInt? {
    end.withLock { end in
      if let end { return end }
      var status: CInt = 0
      guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
      let signal = status & 0x7F
      end = signal == 0 ? (status >> 8) & 0xFF : 128 + signal
      return end
    }
  }

  public var isRunning: Bool { exitStatus == nil }

  public func signal(_ number: CInt) {
    if isRunning { Glibc.kill(pid, number) }
  }

  /// SIGSTOP, and returns when every thread has stopped: the kernel takes its time on a busy machine.
  public func freeze() {
    signal(SIGSTOP)
    let deadline = ContinuousClock.now + .seconds(5)
    while ContinuousClock.now < deadline {
      let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
      let running = threads.contains { thread in
        let stat =
          FileManager.default.contents(atPath: "/proc/\(pid)/task/\(thread)/stat").map {
            String(decoding: $0, as: UTF8.self)
          } ?? ""
        return stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].dropFirst(2).first.map { $0 != "T" } ?? false
      }
      if !running { return }
      usleep(500)
    }
  }

  /// Waits for its end; kills it and throws if that does not come in time.
  @discardableResult
  public func wait(within limit: Duration = .seconds(20)) async throws -> CInt {
    let deadline = ContinuousClock.now + limit
    var pause = Duration.milliseconds(1)
    while true {
      if let exitStatus { return exitStatus }
      guard ContinuousClock.now < deadline else {
        signal(SIGKILL)
        throw DeadlinePassed("process \(pid) did not end within \(limit): \(output.suffix(2000))")
      }
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(20))
    }
  }
}

/// The thread that starts children and never ends: the kernel counts the death of the *thread* that forked as the
/// parent's.
private final class Spawner: @unchecked Sendable {  // Sendable: `job` is guarded by `lock`.
  static let shared = Spawner()
  private let lock = NSCondition()
  private var job: (() -> Void)?

  private init() {
    let thread = Thread { [self] in
      lock.lock()
      while true {
        while job == nil { lock.wait() }
        job?()
        job = nil
        lock.broadcast()
      }
    }
    thread.name = "spawner"
    thread.start()
  }

  func spawn(
    _ words: [String], _ variables: [String], _ actions: UnsafePointer<posix_spawn_file_actions_t>,
    _ attributes: UnsafePointer<posix_spawnattr_t>
  ) -> (pid: pid_t, code: CInt) {
    var result: (pid: pid_t, code: CInt) = (0, 0)
    lock.lock()
    defer { lock.unlock() }
    while job != nil { lock.wait() }
    var done = false
    withoutActuallyEscaping({
      var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
      var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
      result.code = posix_spawn(&result.pid, words[0], actions, attributes, &arguments, &environment)
      for word in arguments + environment { free(word) }
      done = true
    }) { body in
      job = body
      lock.broadcast()
      while !done || job != nil { lock.wait() }
    }
    return result
  }
}

/// What a finished program left.
public struct ProcessResult: Sendable {
  /// As a shell shows it.
  public let status: CInt
  /// Both output streams.
  public let output: String
}

/// Runs a program to its end.
public func run(
  _ command: [String], input: String? = nil, environment: [String: String] = [:], within limit: Duration = .seconds(60)
) async throws -> ProcessResult {
  let folder = try TemporaryFolder()
  var inputFile: String?
  if let input {
    let file = folder.file("input")
    try input.write(toFile: file, atomically: false, encoding: .utf8)
    inputFile = file
  }
  let process = try ChildProcess(command, environment: environment, input: inputFile, outputFile: folder.file("output"))
  let status = try await process.wait(within: limit)
  return ProcessResult(status: status, output: process.output)
}
