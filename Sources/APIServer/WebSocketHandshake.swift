import ByteBuffers
import Cryptography
import HTTPServer
import JSON

/// A request to go on as a WebSocket (RFC 6455 section 4.2), as the server of golang.org/x/net that kube-apiserver's
/// watches use reads it. Browsers can't send headers with a WebSocket, so a bearer token may come as a subprotocol.
struct WebSocketHandshake: Sendable, Equatable {
  private let key: String
  private let version: String
  private let origin: String?
  /// The subprotocols that are asked for, without the one that is a token.
  private let protocols: [String]

  private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  /// nil for a request that wants no WebSocket. (`wsstream.IsWebSocketRequest`)
  init?(_ request: Request) {
    // A body that nobody reads would stand before the first frame.
    guard request.isWebSocket, request.exceededBodyLimit == nil else { return nil }
    key = request.header("Sec-WebSocket-Key") ?? ""
    version = request.header("Sec-WebSocket-Version") ?? ""
    origin = request.header("Origin")
    let asked = request.withHeader("Sec-WebSocket-Protocol") { $0.map { String(decoding: $0, as: UTF8.self) } ?? "" }
    let rest = WebSocketToken.split(asked).filter { !WebSocketToken.isToken($0) }
    protocols = rest == [""] ? [] : rest
  }

  /// What the client hears instead of events, or the head that opens the stream.
  func answer() -> Result<ResponseHead, Refusal> {
    if key.isEmpty { return .failure(Refusal(code: 400, text: "mismatch challenge/response")) }
    if version != "13" {
      return .failure(Refusal(code: 400, text: "missing or bad WebSocket Version", isOtherVersion: true))
    }
    // Who has no origin is no browser, and upstream's handler is for browsers: it wants one that is a URL.
    guard let origin, Self.isURL(origin) else { return .failure(Refusal(code: 403, text: "")) }
    // One subprotocol is agreed to, whatever its name; to choose among several takes somebody who knows them.
    if protocols.count > 1 { return .failure(Refusal(code: 400, text: "")) }
    var headers = [
      ResponseHeader("Upgrade", "websocket"), ResponseHeader("Connection", "Upgrade"),
      ResponseHeader("Sec-WebSocket-Accept", Base64.text(Digest.sha1.bytes(Array((key + Self.guid).utf8)))),
    ]
    if let chosen = protocols.first { headers.append(ResponseHeader("Sec-WebSocket-Protocol", chosen)) }
    return .success(ResponseHead(status: 101, headers: headers))
  }

  /// A handshake that fails is answered in plain text, or with nothing but its code.
  struct Refusal: Error, Equatable {
    let code: Int
    let text: String
    var isOtherVersion = false

    var answer: Answer {
      var answer = Answer(code: code, contentType: "", body: text.isEmpty ? [] : [ByteSlice(SharedBytes(text))])
      if isOtherVersion { answer.headers.append(ResponseHeader("Sec-WebSocket-Version", "13")) }
      return answer
    }
  }

  /// Would Go's `url.ParseRequestURI` take it? An absolute path or a scheme is needed.
  private static func isURL(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty, bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return false }
    if bytes[0] == UInt8(ascii: "/") { return true }
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0, Self.isLetter(bytes[0]) else { return false }
    let isScheme = bytes[..<colon].allSatisfy {
      Self.isLetter($0) || (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E].contains($0)
    }
    // `null`, what a sandboxed page has for an origin, is neither.
    return isScheme
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}

extension Request {
  /// Does it want to go on as a WebSocket?
  var isWebSocket: Bool {
    let isUpgrade = withHeader("Upgrade") { value in
      value.map { $0.count == 9 && String(decoding: $0, as: UTF8.self).lowercased() == "websocket" } ?? false
    }
    return isUpgrade && headers("Connection").contains { $0.lowercased().utf8.firstRange(of: "upgrade".utf8) != nil }
  }
}

/// A bearer token among the subprotocols of a WebSocket. (`websocket.ProtocolAuthenticator`)
enum WebSocketToken {
  private static let prefix = "base64url.bearer.authorization.k8s.io."

  static func isToken(_ name: String) -> Bool { name.utf8.starts(with: prefix.utf8) }

  static func split(_ header: String) -> [String] {
    header.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map {
      AcceptClause.trimmed(Substring($0))
    }
  }

  /// What is wrong with a token; for the log, clients hear 401.
  struct Fault: Error, Equatable { let text: String }

  /// The token; nil for none.
  static func find(in headers: [String]) throws(Fault) -> String? {
    var token: String?
    var others = 0
    for name in headers.flatMap(split) {
      guard isToken(name) else {
        others += 1
        continue
      }
      if token != nil { throw Fault(text: "multiple base64.bearer.authorization tokens specified") }
      guard case .success(let bytes) = Base64URL.decode(name.utf8.dropFirst(prefix.utf8.count)) else {
        throw Fault(text: "invalid base64.bearer.authorization token encoding")
      }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Fault(text: "invalid base64.bearer.authorization token")
      }
      token = text
    }
    guard let token, !token.isEmpty else { return nil }
    // The token is not said back, so another subprotocol is needed to agree on.
    if others == 0 { throw Fault(text: "missing additional subprotocol") }
    return token
  }
}
