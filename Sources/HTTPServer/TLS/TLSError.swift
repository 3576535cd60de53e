import COpenSSL

/// Why credentials can't be used. Says which file, so that whoever configured it can tell what to change.
public enum TLSError: Error, Equatable, CustomStringConvertible {
  /// What a file was to be.
  public enum Role: Sendable, Equatable {
    case certificate, privateKey, sniCertificate, sniPrivateKey, clientCA, proxyCA
  }

  case file(Role, path: String, reason: String)
  /// OpenSSL refused something that is not a file's fault.
  case library(String)

  public var description: String {
    switch self {
    case .file(_, let path, let reason): "\(path): \(reason)"
    case .library(let reason): reason
    }
  }
}

/// OpenSSL's queue of errors, which belongs to the thread.
enum OpenSSLErrors {
  /// Empties the queue. Whoever asks for the result of an SSL call must have done so before the call: an old entry
  /// would be taken for its cause.
  static func clear() {
    // To look costs less than to empty its sixteen places, and mostly there is nothing.
    if ERR_peek_error() != 0 { ERR_clear_error() }
  }

  /// The newest entry in words, and an empty queue.
  static func take() -> String {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "unknown error" }
    return String(cString: text)
  }

  /// The reason of the oldest entry: what went wrong first.
  static var firstReason: Int32 { copenssl_error_reason(ERR_peek_error()) }
}
