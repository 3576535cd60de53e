import Glibc

/// A key's bytes; wiped when the last one who uses them goes.
public final class SecretKey: @unchecked Sendable {  // Sendable: written in init and deinit only.
  private let bytes: UnsafeMutablePointer<UInt8>
  /// In bytes.
  public let count: Int

  /// Copies `secret`, which its owner wipes if need be.
  public init(_ secret: some Collection<UInt8>) {
    count = secret.count
    bytes = .allocate(capacity: max(secret.count, 1))
    for (place, byte) in secret.enumerated() { bytes[place] = byte }
  }

  /// A key of `count` bytes that `make` writes; nil when it returns false.
  public init?(count: Int, _ make: (UnsafeMutablePointer<UInt8>) -> Bool) {
    self.count = count
    bytes = .allocate(capacity: max(count, 1))
    bytes.initialize(repeating: 0, count: max(count, 1))
    guard make(bytes) else { return nil }
  }

  deinit {
    explicit_bzero(bytes, count)
    bytes.deallocate()
  }

  /// Lends the `count` bytes.
  public func withUnsafeBytes<R>(_ body: (UnsafePointer<UInt8>) -> R) -> R { body(UnsafePointer(bytes)) }
}
