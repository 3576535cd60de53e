import ByteBuffers
import Machinery
import Storage

/// The providers of a resource in the order of the configuration: the first one writes, all read; what a later one, or
/// a later key of the first, can read is stale. (Kubernetes: `value.NewPrefixTransformers`.)
struct ProviderList: Transformer {
  enum Provider: Sendable {
    case identity
    case keyed(KeyedProvider)
  }

  /// A provider with its keys.
  struct KeyedProvider: Sendable {
    /// `k8s:enc:aesgcm:v1:`
    let prefix: [UInt8]
    /// In the order of the configuration; each prefix is the provider's with the key's name and a colon.
    let keys: [(prefix: [UInt8], cipher: any ValueCipher)]
    /// What is said when no key has the name.
    let unknownKey: String
  }

  let providers: [Provider]

  /// Leaves everything as it is, and always did.
  var isIdentity: Bool { providers.allSatisfy { if case .identity = $0 { true } else { false } } }

  func fromStorage(
    _ stored: SharedBytes, context: String
  ) throws(TransformFailure) -> (value: SharedBytes, isStale: Bool) {
    var failures: [String] = []
    for (place, provider) in providers.enumerated() {
      switch provider {
      case .identity:
        // What is encrypted is left to the providers behind it.
        if !EncryptedValue.isOne(stored) { return (stored, place != 0) }
      case .keyed(let provider):
        guard stored.hasPrefix(provider.prefix) else { continue }
        var reasons: [String] = []
        for (keyPlace, key) in provider.keys.enumerated() where stored.hasPrefix(key.prefix) {
          do throws(TransformFailure) {
            let value = try stored.withUnsafeBytes { bytes throws(TransformFailure) in
              try key.cipher.open(UnsafeRawBufferPointer(rebasing: bytes[key.prefix.count...]), context: context)
            }
            return (value, place != 0 || keyPlace != 0)
          } catch { reasons.append(error.description) }
        }
        failures.append(reasons.isEmpty ? provider.unknownKey : FieldError.aggregate(reasons))
      }
    }
    if !failures.isEmpty { throw TransformFailure(FieldError.aggregate(failures)) }
    for version in ["v1", "v2"] where stored.hasPrefix(Array("k8s:enc:kms:\(version):".utf8)) {
      throw TransformFailure(
        "no matching prefix found: the value is encrypted by a KMS \(version) provider, which Binnacle does not have")
    }
    throw TransformFailure("no matching prefix found")
  }

  func toStorage(_ value: SharedBytes, context: String) throws(TransformFailure) -> SharedBytes {
    guard case .keyed(let provider)? = providers.first, let key = provider.keys.first else { return value }
    let size = key.prefix.count + value.count + key.cipher.overhead(value.count)
    var isSealed = false
    let sealed = SharedBytes(capacity: size) { room in
      room.copyBytes(from: key.prefix)
      isSealed = value.withUnsafeBytes { bytes in
        key.cipher.seal(
          bytes, into: UnsafeMutableRawBufferPointer(rebasing: room[key.prefix.count...]), context: context)
      }
      return isSealed ? size : 0
    }
    guard isSealed else { throw .library }
    return sealed
  }
}

extension SharedBytes {
  fileprivate func hasPrefix(_ prefix: [UInt8]) -> Bool {
    withUnsafeBytes { $0.count >= prefix.count && $0.prefix(prefix.count).elementsEqual(prefix) }
  }
}
