package import CurlHTTP
import Glibc
package import Storage
import Synchronization

/// What the clients of etcd's two APIs share: a connection pool, the choice of the endpoint, deadlines, fail-over, and
/// the rule when a call may be repeated.
package final class EtcdTransport: Sendable {
  package let http: HTTPClient
  package let endpoints: Endpoints
  package let integrity = Integrity()
  package let gate = Gate()
  /// For messages: the files that decide about trust.
  private let files: String
  private let hasServed = Atomic<Bool>(false)

  /// Checks what `config` says of servers and files, and starts the HTTP client. Throws `.invalidConfiguration`.
  package init(_ config: StorageBackend.Config, options: HTTPClient.Configuration) throws(StorageError) {
    let parsed = try Self.check(config)
    files = [("CA file", config.caFile), ("certificate file", config.certFile)].filter { !$0.1.isEmpty }.map {
      "\($0.0) \($0.1)"
    }.joined(separator: ", ")
    var options = options
    options.caFile = config.caFile
    options.certFile = config.certFile
    options.keyFile = config.keyFile
    endpoints = Endpoints(parsed)
    do throws(HTTPFailure) { http = try HTTPClient(options) } catch {
      throw .unreachable("\(Self.type(config)) storage: \(error.description)")
    }
  }

  private static func type(_ config: StorageBackend.Config) -> String {
    config.type.isEmpty ? StorageBackend.typeETCD3 : config.type
  }

  /// The servers of `config`, when they and its files can be used. Asks nobody. Throws `.invalidConfiguration`.
  package static func check(_ config: StorageBackend.Config) throws(StorageError) -> [Endpoint] {
    let type = type(config)
    guard !config.serverList.isEmpty else {
      throw .invalidConfiguration("\(type) storage needs at least one server, such as http://127.0.0.1:2379")
    }
    var parsed: [Endpoint] = []
    for server in config.serverList { parsed.append(try Endpoint.parse(server)) }
    for (what, file) in [("CA", config.caFile), ("certificate", config.certFile), ("key", config.keyFile)]
    where !file.isEmpty {
      if let problem = EtcdTransport.readProblem(file) {
        throw .invalidConfiguration("\(type) storage: the \(what) file \(file) \(problem)")
      }
    }
    guard config.certFile.isEmpty == config.keyFile.isEmpty else {
      throw .invalidConfiguration("\(type) storage needs the client certificate and its key together, or neither")
    }
    try CertificateFiles.check(config, type)
    return parsed
  }

  private static func readProblem(_ file: String) -> String? {
    let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "can't be read: \(String(cString: strerror(errno)))" }
    defer { close(descriptor) }
    var byte: UInt8 = 0
    return read(descriptor, &byte, 1) == 1 ? nil : "is empty or no file"
  }

  /// May a call be sent again when nobody knows whether etcd has carried it out?
  package enum Repetition: Sendable {
    /// It changes nothing, or doing it twice is the same as once.
    case always
    /// Its condition (a revision of the key, which never comes back) makes it succeed at most once.
    case conditional
    /// Only when it is certain that etcd has not seen it.
    case ifUnsent
  }

  /// What came of a call.
  package struct Outcome<Answer: Sendable>: Sendable {
    package let answer: Answer
    /// An earlier attempt of this call may have been carried out too.
    package let isRepeated: Bool
  }

  /// Has `send` ask the chosen endpoint (an index into `endpoints.all`), and again elsewhere or later where the rule
  /// allows it, until the deadline. Throws `CallFailure` for a definite failure, `UnknownOutcome` if the call may have
  /// been carried out.
  package func call<Answer: Sendable>(
    attempt: Duration, total: Duration, _ repetition: Repetition,
    _ send: (_ endpoint: Int, _ timeout: Duration) async throws(CallFailure) -> Answer
  ) async throws -> Outcome<Answer> {
    let deadline = ContinuousClock.now + total
    var mayHaveApplied = false
    var last: CallFailure?
    var isFirst = true
    /// Endpoints that refused us, or that we refuse, for a certificate.
    var untrusted: Set<Int> = []
    while true {
      let (index, wait) = endpoints.choose()
      let left = deadline - .now
      if gate.isClosed && !isFirst { last = CallFailure(.final, "the storage is closing") }
      if (left <= .zero || wait >= left || gate.isClosed) && !isFirst {
        let text = last?.text ?? "no answer in time"
        if mayHaveApplied && repetition != .always { throw UnknownOutcome(text: text) }
        throw CallFailure(.endpoint, text, mayHaveApplied: mayHaveApplied)
      }
      if wait > .zero {
        if repetition == .always { try await Task.sleep(for: wait) } else { await pause(for: wait) }
      }
      isFirst = false
      do throws(CallFailure) {
        let answer = try await send(index, max(min(attempt, deadline - .now), .milliseconds(50)))
        endpoints.succeeded(index)
        hasServed.store(true, ordering: .relaxed)
        return Outcome(answer: answer, isRepeated: mayHaveApplied)
      } catch {
        last = error
        if error.isUntrusted {
          let text = "\(endpoints.all[index].base): \(error.text)\(files.isEmpty ? "" : " (\(files))")"
          last = CallFailure(.endpoint, text, isUntrusted: true)
          untrusted.insert(index)
          // At the start waiting would not help. Later on, certificates are replaced one by one.
          if untrusted.count == endpoints.all.count && !hasServed.load(ordering: .relaxed) {
            throw CallFailure(.final, text, isUntrusted: true)
          }
        }
        if error.kind == .endpoint { endpoints.failed(index) }
        if error.mayHaveApplied { mayHaveApplied = true }
        switch error.kind {
        case .final, .cancelled: throw error
        case .shutDown:
          if mayHaveApplied && repetition != .always { throw UnknownOutcome(text: error.text) }
          throw error
        case .busy: await pause(for: .milliseconds(Int.random(in: 20...80)))
        case .endpoint: break
        }
        if mayHaveApplied && repetition == .ifUnsent { throw UnknownOutcome(text: error.text) }
      }
    }
  }

  /// A wait that cancellation does not shorten: a write that was sent is seen through.
  package func pause(for time: Duration) async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      let isTaken = http.post { [http] in http.schedule(after: time) { continuation.resume() } }
      if !isTaken { continuation.resume() }
    }
  }

  /// Runs a call that `gate.waitUntilEmpty` waits for.
  package func during<R>(_ body: () async throws -> R) async throws -> R {
    try gate.enter()
    defer { gate.leave() }
    return try await body()
  }
}

extension Duration {
  /// For messages and TTLs: rounded up.
  package var wholeSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
