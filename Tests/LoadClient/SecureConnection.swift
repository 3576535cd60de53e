import COpenSSL
import Glibc

/// Says one thing over TLS, and leaves what comes back to whoever reads the socket: sealed as it is, so that a thousand
/// of them cost a machine little beside the server that they load. Speaks HTTP/1.1, and believes whoever answers.
public final class SecureConnection {
  /// Of the socket, and for as long as this object lives.
  public let client: Client
  private let ssl: OpaquePointer

  /// Connects, shakes hands and sends `request`. Throws `Failure`.
  public init(port: Int, saying request: [UInt8]) throws {
    client = try Client(port: port)
    guard let ssl = SSL_new(Self.context) else { throw Failure("SSL_new") }
    self.ssl = ssl
    guard SSL_set_fd(ssl, client.descriptor) == 1, SSL_connect(ssl) == 1 else {
      throw Failure("the TLS handshake with port \(port) failed")
    }
    guard SSL_write(ssl, request, Int32(request.count)) == request.count else {
      throw Failure("the request could not be sent over TLS")
    }
  }

  deinit { SSL_free(ssl) }

  /// Shared by all, and never changed (SSL_CTX_new(3) locks what it counts).
  private nonisolated(unsafe) static let context = SSL_CTX_new(TLS_client_method())
}
