public import ByteBuffers

/// Bytes to and from storage. `context` is the whole key: authenticated data for the ciphers that take some (semantics
/// 1.11). (Kubernetes: `value.Transformer`.)
public protocol Transformer: Sendable {
  /// Undoes `toStorage`; `isStale` says that the value should be written again (an old key). What needs no work is
  /// returned as it came.
  func fromStorage(
    _ stored: SharedBytes, context: String
  ) throws(TransformFailure) -> (value: SharedBytes, isStale: Bool)
  func toStorage(_ value: SharedBytes, context: String) throws(TransformFailure) -> SharedBytes
}

/// Why a value can't be brought into or out of its stored form, in kube-apiserver's words.
public struct TransformFailure: Error, Equatable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Leaves bytes as they are, but refuses what some other provider encrypted (semantics 2.51).
public struct IdentityTransformer: Transformer {
  public init() {}
  public static let refusal = TransformFailure("identity transformer tried to read encrypted data")

  public func fromStorage(
    _ stored: SharedBytes, context: String
  ) throws(TransformFailure) -> (value: SharedBytes, isStale: Bool) {
    if EncryptedValue.isOne(stored) { throw Self.refusal }
    return (stored, false)
  }
  public func toStorage(_ value: SharedBytes, context: String) throws(TransformFailure) -> SharedBytes { value }
}

/// How every encrypted value begins: `k8s:enc:<provider>:v1:<key name>:`.
public enum EncryptedValue {
  public static let mark = "k8s:enc:"

  public static func isOne(_ stored: SharedBytes) -> Bool {
    stored.withUnsafeBytes { $0.count >= mark.utf8.count && $0.prefix(mark.utf8.count).elementsEqual(mark.utf8) }
  }
}
