public import ByteBuffers
import CurlHTTP
import FoundationEssentials
import Glibc
public import JSON
import Machinery

/// A webhook as a kubeconfig file names it: where it is, whom to trust there, and how to say who asks. (apiserver
/// `util/webhook`.)
public struct WebhookConnection: Sendable {
  /// A file that can't be used; the text says where and why, and shows no secret.
  public struct Problem: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  public let server: String
  private let http: HTTPClient
  private let fileToken: FileToken?

  /// As kube-apiserver waits for an answer.
  private static let timeout: Duration = .seconds(30)
  /// It tries so many times, longer and longer apart. (`DefaultRetryBackoffWithInitialDelay`.)
  private static let attempts = 5
  private static let firstPause: Duration = .milliseconds(500)

  /// Reads the tree of a kubeconfig file whose current context is the webhook. Throws `Problem`. `folder`: where file
  /// names that are not absolute begin.
  public init(kubeconfig tree: JSONValue, folder: String) throws(Problem) {
    func named(_ list: String, _ member: String, _ name: String) throws(Problem) -> JSONValue {
      let entries = tree[list]?.array ?? []
      // A file with one of a kind needs no context to choose.
      guard
        let entry = entries.first(where: { $0["name"]?.string == name })
          ?? (name.isEmpty && entries.count == 1 ? entries.first : nil)
      else {
        throw Problem(description: "\(list): there is none named \(GoText.quoted(name))")
      }
      return entry[member] ?? [:]
    }
    let current = tree["current-context"]?.string ?? ""
    let hasContext = !current.isEmpty || !(tree["contexts"]?.array ?? []).isEmpty
    let context = hasContext ? try named("contexts", "context", current) : [:]
    let cluster = try named("clusters", "cluster", context["cluster"]?.string ?? "")
    let userName = context["user"]?.string ?? ""
    let user = userName.isEmpty && (tree["users"]?.array ?? []).isEmpty ? [:] : try named("users", "user", userName)
    for (part, members) in [
      (cluster, ["insecure-skip-tls-verify", "tls-server-name", "proxy-url"]), (user, ["exec", "auth-provider"]),
    ] {
      if let unknown = members.first(where: { part[$0].map { !$0.isNull && $0 != false } ?? false }) {
        throw Problem(description: "\(unknown) is not served: leave it out")
      }
    }
    let server = cluster["server"]?.string ?? ""
    guard server.hasPrefix("https://") || server.hasPrefix("http://") else {
      throw Problem(
        description:
          "clusters: server must be a URL, such as https://authz.example.com/authorize, not \(GoText.quoted(server))")
    }
    self.server = server

    var configuration = HTTPClient.Configuration()
    configuration.threadName = "webhook"
    configuration.maxAnswer = 4 << 20
    configuration.caFile = try Self.file(cluster, "certificate-authority", folder)
    configuration.certFile = try Self.file(user, "client-certificate", folder)
    configuration.keyFile = try Self.file(user, "client-key", folder)
    do throws(HTTPFailure) { http = try HTTPClient(configuration) } catch {
      throw Problem(description: error.description)
    }
    let token = user["token"]?.string ?? ""
    let file = user["tokenFile"]?.string ?? ""
    fileToken = token.isEmpty && !file.isEmpty ? FileToken(Self.absolute(file, folder)) : nil
    if !token.isEmpty {
      http.authorize("Bearer \(token)")
    } else if !file.isEmpty {
      if fileToken == nil { throw Problem(description: "tokenFile: can't read a token from \(file)") }
    } else if let name = user["username"]?.string {
      http.authorize("Basic " + Data("\(name):\(user["password"]?.string ?? "")".utf8).base64EncodedString())
    }
  }

  private static func absolute(_ path: String, _ folder: String) -> String {
    path.hasPrefix("/") ? path : "\(folder)/\(path)"
  }

  /// A file that a member names, or that its `-data` sibling holds; empty for none.
  private static func file(_ part: JSONValue, _ member: String, _ folder: String) throws(Problem) -> String {
    if let data = part[member + "-data"]?.string, !data.isEmpty {
      guard let bytes = Data(base64Encoded: data) else { throw Problem(description: "\(member)-data is not base64") }
      guard let path = MemoryFile.path(named: "webhook", holding: bytes) else {
        throw Problem(description: "\(member)-data: no memory for it")
      }
      return path
    }
    guard let name = part[member]?.string, !name.isEmpty else { return "" }
    let path = absolute(name, folder)
    guard access(path, R_OK) == 0 else {
      throw Problem(description: "\(member): can't read \(path): \(String(cString: strerror(errno)))")
    }
    return path
  }

  /// Why there is no answer.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
    fileprivate let isLasting: Bool
  }

  /// Sends a review and reads the one that comes back. Tries again where a later try may do better. Throws `Failure`.
  public func review(_ body: JSONValue) async throws(Failure) -> JSONValue {
    let answer = try await send(body.encoded(), firstPause: Self.firstPause)
    do { return try JSONValue(parsing: ByteSlice(answer)) } catch {
      throw Failure(description: "Post \(GoText.quoted(server)): the answer is no JSON: \(error)", isLasting: true)
    }
  }

  /// Sends a document whose answer nobody needs. Tries again as `review` does, first after `firstPause`. Throws
  /// `Failure`.
  public func deliver(_ body: SharedBytes, firstPause: Duration) async throws(Failure) {
    _ = try await send(body, firstPause: firstPause)
  }

  private func send(_ bytes: SharedBytes, firstPause: Duration) async throws(Failure) -> SharedBytes {
    var pause = firstPause
    var attempt = 1
    while true {
      do throws(Failure) { return try await once(bytes) } catch {
        guard !error.isLasting, attempt < Self.attempts,
          (try? await Task.sleep(for: pause * Double.random(in: 1...1.2))) != nil
        else { throw error }
        pause = pause * 1.5
        attempt += 1
      }
    }
  }

  private func once(_ body: SharedBytes) async throws(Failure) -> SharedBytes {
    if let fileToken { http.authorize("Bearer \(await fileToken.current())") }
    let answer: HTTPResponse
    do throws(HTTPFailure) {
      answer = try await http.request(HTTPRequest(.post, server, body: body, timeout: Self.timeout, isReplayable: true))
    } catch {
      throw Failure(
        description: "Post \(GoText.quoted(server)): \(error.description)",
        isLasting: error.reason == .cancelled || error.reason == .untrusted)
    }
    guard (200..<300).contains(answer.status) else {
      throw Failure(
        description: "Post \(GoText.quoted(server)): the webhook answered \(answer.status)",
        isLasting: answer.status < 500 && answer.status != 429)
    }
    return answer.body
  }
}
