public import ByteBuffers

/// A header of an answer.
public struct ResponseHeader: Sendable {
  public let name: StaticString
  public let value: String
  public init(_ name: StaticString, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// Status line and headers of an answer. Date, Content-Length, Transfer-Encoding and Connection are the server's.
public struct ResponseHead: Sendable {
  public var status: Int
  public var headers: [ResponseHeader]
  public init(status: Int, headers: [ResponseHeader] = []) {
    self.status = status
    self.headers = headers
  }
}

/// A whole answer. The slices are sent as they are, without a copy.
public struct Response: Sendable {
  public var head: ResponseHead
  public var body: [ByteSlice]
  /// Bytes that are held for this answer alone.
  public var ownBytes = 0
  public init(status: Int, headers: [ResponseHeader] = [], body: [ByteSlice] = []) {
    head = ResponseHead(status: status, headers: headers)
    self.body = body
  }
}

/// What serves requests.
public protocol RequestHandler: Sendable {
  /// Called on a reactor's thread; must not block. Answers through `exchange`, now or later.
  func handle(_ request: Request, _ exchange: Exchange)
  /// Hears of a request that is not served, and may say how it is answered; nil for the server's plain text. On a
  /// reactor's thread.
  func refusal(_ refused: RefusedRequest) -> Response?
}

extension RequestHandler {
  public func refusal(_ refused: RefusedRequest) -> Response? { nil }
}

/// What could not be read as a request, or found no room (400, 417, 429, 431, 501, 505). Valid only inside
/// `RequestHandler.refusal`.
public struct RefusedRequest {
  public let status: Int
  /// Words for the client.
  public let reason: String
  /// What is known of it: method and target at least; nil where not even these could be read.
  public let request: Request?
  /// Is the head whole and well formed? Where not, there may have been more headers than `request` shows.
  public let isHeadKnown: Bool
  /// The client's address, without port.
  public let peerAddress: String
}

enum StatusLine {
  static func text(_ status: Int) -> StaticString {
    switch status {
    case 100: "HTTP/1.1 100 Continue\r\n"
    case 101: "HTTP/1.1 101 Switching Protocols\r\n"
    case 200: "HTTP/1.1 200 OK\r\n"
    case 201: "HTTP/1.1 201 Created\r\n"
    case 202: "HTTP/1.1 202 Accepted\r\n"
    case 204: "HTTP/1.1 204 No Content\r\n"
    case 301: "HTTP/1.1 301 Moved Permanently\r\n"
    case 304: "HTTP/1.1 304 Not Modified\r\n"
    case 400: "HTTP/1.1 400 Bad Request\r\n"
    case 401: "HTTP/1.1 401 Unauthorized\r\n"
    case 403: "HTTP/1.1 403 Forbidden\r\n"
    case 404: "HTTP/1.1 404 Not Found\r\n"
    case 405: "HTTP/1.1 405 Method Not Allowed\r\n"
    case 406: "HTTP/1.1 406 Not Acceptable\r\n"
    case 409: "HTTP/1.1 409 Conflict\r\n"
    case 410: "HTTP/1.1 410 Gone\r\n"
    case 413: "HTTP/1.1 413 Request Entity Too Large\r\n"
    case 415: "HTTP/1.1 415 Unsupported Media Type\r\n"
    case 422: "HTTP/1.1 422 Unprocessable Entity\r\n"
    case 429: "HTTP/1.1 429 Too Many Requests\r\n"
    case 431: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
    case 500: "HTTP/1.1 500 Internal Server Error\r\n"
    case 501: "HTTP/1.1 501 Not Implemented\r\n"
    case 503: "HTTP/1.1 503 Service Unavailable\r\n"
    case 504: "HTTP/1.1 504 Gateway Timeout\r\n"
    case 505: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
    default: ""
    }
  }
}
