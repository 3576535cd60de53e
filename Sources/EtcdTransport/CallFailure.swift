package import CurlHTTP
package import Storage

/// Why a call to etcd has no result.
package struct CallFailure: Error, Sendable {
  package enum Kind: Sendable {
    /// This endpoint does not serve now; another one, or a later time, may.
    case endpoint
    /// etcd refuses more load for a moment; nothing was done.
    case busy
    /// The same call will get the same answer.
    case final
    case cancelled
    case shutDown
  }
  package let kind: Kind
  /// etcd's or libcurl's text.
  package let text: String
  /// Could the call have been carried out nevertheless?
  package let mayHaveApplied: Bool
  /// The API's own code where etcd answered (gRPC's, or v2's errorCode), else 0.
  package let code: Int
  /// Does one side not accept the other's certificate?
  package let isUntrusted: Bool
  /// Did nothing come in time?
  package let isTimeout: Bool

  package init(
    _ kind: Kind, code: Int = 0, _ text: String, mayHaveApplied: Bool = false, isTimeout: Bool = false,
    isUntrusted: Bool = false
  ) {
    self.isUntrusted = isUntrusted
    self.isTimeout = isTimeout
    self.kind = kind
    self.code = code
    self.text = text
    self.mayHaveApplied = mayHaveApplied
  }

  package init(_ failure: HTTPFailure) {
    let kind: Kind =
      switch failure.reason {
      case .connection, .untrusted, .timeout, .overloaded: .endpoint
      case .answerTooLarge, .invalidRequest: .final
      case .cancelled: .cancelled
      case .shutDown: .shutDown
      }
    self.init(
      kind, failure.description, mayHaveApplied: failure.mayHaveBeenSent, isTimeout: failure.reason == .timeout,
      isUntrusted: failure.reason == .untrusted)
  }
}

/// A call whose result nobody knows: it may not be asked again, or time is up.
package struct UnknownOutcome: Error, Sendable {
  package let text: String
  package init(text: String) { self.text = text }
  package var storageError: StorageError { .unreachable("etcd: \(text): the outcome of a write is unknown") }
}
