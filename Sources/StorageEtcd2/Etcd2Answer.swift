import ByteBuffers
import CurlHTTP
import EtcdTransport
import JSON
import Storage

/// What etcd2 said: a result or one of its definite refusals. Trouble with a server is a `CallFailure` instead.
struct Etcd2Answer: Sendable {
  /// etcd2's errorCode; 0 for success.
  let code: Int
  /// X-Etcd-Index: of a read, the index it shows; of a write, the write's own; of a watch, the index when it began.
  let index: Int64
  let cluster: UInt64
  /// The document; nil for the end of a watch that saw nothing.
  let tape: JSONTape?

  enum Code {
    static let keyNotFound = 100
    static let compareFailed = 101
    static let notADirectory = 104
    static let keyExists = 105
    static let raftError = 300
    static let leaderElection = 301
    static let watcherCleared = 400
    static let eventIndexCleared = 401
  }

  static let indexHeader = "X-Etcd-Index"
  static let clusterHeader = "X-Etcd-Cluster-Id"

  init(_ response: HTTPResponse, url: String) throws(CallFailure) {
    index = response.headers[Self.indexHeader].flatMap { Int64($0) } ?? 0
    cluster = response.headers[Self.clusterHeader].flatMap { UInt64($0, radix: 16) } ?? 0
    let tape = try? JSONTape.parse(response.body)
    let isSuccess = response.status == 200 || response.status == 201
    if isSuccess && (tape != nil || response.body.count == 0) {
      code = 0
      self.tape = tape
      return
    }
    let code = tape?.root["errorCode"]?.int.map { Int(clamping: $0) } ?? 0
    guard let tape, code > 0 else {
      let text = tape?.root["message"]?.string ?? "HTTP status \(response.status)"
      if response.status == 404 {
        throw CallFailure(
          .final, code: 404,
          "\(url) is not there: etcd serves its v2 API only when started with --enable-v2, up to version 3.5")
      }
      throw CallFailure(
        isSuccess || response.status >= 500 ? .endpoint : .final, "\(url): \(text)", mayHaveApplied: true)
    }
    let text = Self.text(tape)
    if text.contains("too many requests") { throw CallFailure(.busy, code: code, text) }
    // A member without a leader, or one that stops. What it has proposed may still be carried out.
    if code == Code.raftError || code == Code.leaderElection || response.status >= 500 {
      throw CallFailure(.endpoint, code: code, text, mayHaveApplied: true)
    }
    self.code = code
    self.tape = tape
  }

  /// etcd's own words, for errors.
  var text: String { tape.map(Self.text) ?? "no answer" }

  private static func text(_ tape: JSONTape) -> String {
    let message = tape.root["message"]?.string ?? ""
    let cause = tape.root["cause"]?.string ?? ""
    return cause.isEmpty ? message : "\(message) (\(cause))"
  }

  private static let actions: Set<String> = [
    "get", "set", "create", "update", "delete", "compareAndSwap", "compareAndDelete", "expire",
  ]

  /// What a success says was done. Throws `.wrongAnswer` for a document that says nothing of the kind.
  func action() throws(StorageError) -> String {
    guard let root = tape?.root else { throw WireShape.wrong("it is empty") }
    let action = try root.wireObject("the answer")["action"]?.wireText("action") ?? ""
    guard Self.actions.contains(action) else {
      throw WireShape.wrong(action.isEmpty ? "action is missing" : "action \(action) is unknown")
    }
    return action
  }

  /// The node of a success; nil for a refusal. Throws `.wrongAnswer` where it is missing.
  func node() throws(StorageError) -> Node? {
    guard code == 0 else { return nil }
    guard let node = try nodeIfAny() else { throw WireShape.wrong("node is missing") }
    return node
  }

  /// As `node`, for writes that asked for no value and so are shown no node.
  func nodeIfAny() throws(StorageError) -> Node? {
    guard code == 0 else { return nil }
    _ = try action()
    guard let node = tape?.root["node"], node.kind != .null else { return nil }
    return try Node(node)
  }

  /// Is it about keys, so that it must tell the store's index? (What is refused before it gets there has none.)
  var isAboutKeys: Bool { code == 0 || [Code.keyNotFound, Code.compareFailed, Code.keyExists].contains(code) }

  /// Of "the requested history has been cleared [oldest/requested]", the index before the oldest; zero if it does not
  /// say.
  var clearedThrough: Int64 {
    guard code == Code.eventIndexCleared, let cause = tape?.root["cause"]?.string, let open = cause.lastIndex(of: "[")
    else { return 0 }
    let oldest = Int64(cause[cause.index(after: open)...].prefix { $0 != "/" }) ?? 0
    return max(0, oldest - 1)
  }
}
