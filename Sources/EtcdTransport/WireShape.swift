package import JSON
package import Storage

/// Reading etcd's answers strictly: a member that is absent (or null) has its zero value, which etcd leaves out; one of
/// another kind than etcd's API says, or that is absent where etcd never leaves it out, is an error that names it. It
/// is never taken for absence.
package enum WireShape {
  package static func wrong(_ what: String) -> StorageError { .wrongAnswer("etcd's answer has a wrong shape: \(what)") }

  static func name(_ kind: JSONKind) -> String {
    switch kind {
    case .null: "null"
    case .bool: "a truth value"
    case .int: "a number"
    case .double: "a number with a fraction or an exponent"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension JSONNode {
  private func wrong(_ name: StaticString, _ due: String) -> StorageError {
    WireShape.wrong("\(name) is \(WireShape.name(kind)) where \(due) is due")
  }

  /// The whole answer, or a member that can't be left out, as an object.
  package func wireObject(_ name: StaticString) throws(StorageError) -> JSONNode {
    guard kind == .object else { throw wrong(name, "an object") }
    return self
  }

  /// The elements; none for null.
  package func wireList(_ name: StaticString) throws(StorageError) -> Elements {
    guard kind == .array || kind == .null else { throw wrong(name, "a list") }
    return elements
  }

  package func wireBool(_ name: StaticString) throws(StorageError) -> Bool {
    if kind == .null { return false }
    guard kind == .bool, let bool else { throw wrong(name, "a truth value") }
    return bool
  }

  package func wireText(_ name: StaticString) throws(StorageError) -> String {
    if kind == .null { return "" }
    guard kind == .string, let string else { throw wrong(name, "a string") }
    return string
  }

  /// A signed 64-bit number, which protobuf's JSON writes as a string.
  package func wireInt(_ name: StaticString) throws(StorageError) -> Int64 {
    switch kind {
    case .null: return 0
    case .int: if let int { return int }
    case .string: if let number = withContent({ Self.number($0) }) { return number }
    default: throw wrong(name, "a number")
    }
    throw WireShape.wrong("\(name) is no number of 64 bits")
  }

  /// A number that is written as one, as the v2 API does.
  package func wireNumber(_ name: StaticString) throws(StorageError) -> Int64 {
    if kind == .null { return 0 }
    guard kind == .int else { throw wrong(name, "a number") }
    guard let int else { throw WireShape.wrong("\(name) is no number of 64 bits") }
    return int
  }

  /// An unsigned one.
  package func wireUnsigned(_ name: StaticString) throws(StorageError) -> UInt64 {
    switch kind {
    case .null: return 0
    case .int: if let int, int >= 0 { return UInt64(int) }
    case .string: if let number = withContent({ Self.magnitude($0[...]) }) { return number }
    default: throw wrong(name, "a number")
    }
    throw WireShape.wrong("\(name) is no number of 64 bits")
  }

  private static func magnitude(_ digits: UnsafeRawBufferPointer.SubSequence) -> UInt64? {
    if digits.isEmpty { return nil }
    var magnitude: UInt64 = 0
    for byte in digits {
      guard byte >= 0x30 && byte <= 0x39 else { return nil }
      let (scaled, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte &- 0x30))
      if overflow || carry { return nil }
      magnitude = sum
    }
    return magnitude
  }

  private static func number(_ text: UnsafeRawBufferPointer) -> Int64? {
    let isNegative = text.first == UInt8(ascii: "-")
    guard let magnitude = magnitude(text.dropFirst(isNegative ? 1 : 0)) else { return nil }
    if !isNegative { return Int64(exactly: magnitude) }
    return magnitude <= UInt64(Int64.max) ? -Int64(magnitude) : nil
  }
}
