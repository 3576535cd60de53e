/// Converts between a storage revision and the API's resourceVersion. (Kubernetes: `storage.Versioner`.)
public protocol Versioner: Sendable {
  /// The text that the API shows.
  func resourceVersion(of revision: Revision) -> String
  /// The revision behind a text; "" and "0" are zero. Throws `InvalidResourceVersion`.
  func parseResourceVersion(_ text: String) throws(InvalidResourceVersion) -> Revision
}

/// A resourceVersion that is no number; `description` is Go's own text for it.
public struct InvalidResourceVersion: Error, Equatable, CustomStringConvertible {
  public let text: String
  public let isOutOfRange: Bool
  public var description: String {
    "strconv.ParseUint: parsing \"\(text)\": \(isOutOfRange ? "value out of range" : "invalid syntax")"
  }
}

/// Revisions as decimal numbers, the one scheme that Kubernetes has.
public struct APIObjectVersioner: Versioner {
  public init() {}
  public func resourceVersion(of revision: Revision) -> String { String(revision.rawValue) }

  public func parseResourceVersion(_ text: String) throws(InvalidResourceVersion) -> Revision {
    if text.isEmpty { return .zero }
    var value: UInt64 = 0
    for byte in text.utf8 {
      guard byte >= 0x30 && byte <= 0x39 else { throw InvalidResourceVersion(text: text, isOutOfRange: false) }
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte &- 0x30))
      guard !overflow && !carry else { throw InvalidResourceVersion(text: text, isOutOfRange: true) }
      value = sum
    }
    // Revisions are signed in every backend; what is larger can only lie in the future, and stays there.
    return Revision(Int64(clamping: value))
  }
}
