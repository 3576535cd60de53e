/// Why there is no answer to a request.
public struct HTTPFailure: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: Sendable, Equatable {
    /// No connection, or one that broke.
    case connection
    /// One side does not accept the other's certificate.
    case untrusted
    /// The deadline passed.
    case timeout
    /// More requests wait than the client keeps.
    case overloaded
    /// The answer is larger than the client takes.
    case answerTooLarge
    /// The request can't be made (a malformed URL, an unreadable certificate).
    case invalidRequest
    /// The caller's task was cancelled.
    case cancelled
    /// The client was shut down.
    case shutDown
  }
  public let reason: Reason
  /// For people; names no credentials.
  public let description: String
  /// False only if it is certain that the peer saw nothing of the request: a retry then can't do anything twice.
  public let mayHaveBeenSent: Bool

  public init(_ reason: Reason, _ description: String, mayHaveBeenSent: Bool) {
    self.reason = reason
    self.description = description
    self.mayHaveBeenSent = mayHaveBeenSent
  }
}
