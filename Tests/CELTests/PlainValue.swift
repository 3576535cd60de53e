@testable import CEL

/// The least that the libraries can be tried with: no value of it is kept by an engine.
indirect enum PlainValue: LibraryValue {
  case null
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  case double(Double)
  case string(String)
  case bytes([UInt8])
  case list([PlainValue])
  case map([(key: PlainValue, value: PlainValue)])
  case optional(PlainValue?)
  case object(LibraryObject)

  static func texts(by key: [(String, PlainValue)]) -> PlainValue { .map(key.map { (.string($0.0), $0.1) }) }
  static func zero(of type: String) -> PlainValue {
    type == "double" ? .double(0) : type == "uint" ? .uint(0) : .int(0)
  }

  var view: LibraryView<PlainValue> {
    switch self {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .uint(let value): .uint(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    case .bytes(let value): .bytes(value)
    case .list(let value): .list(value)
    case .map(let value): .map(value)
    case .optional(let value): .optional(value)
    case .object(let value): .object(value)
    }
  }

  var count: Int? {
    switch self {
    case .list(let elements): elements.count
    case .map(let entries): entries.count
    default: nil
    }
  }

  var typeName: String {
    switch self {
    case .null: "null_type"
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .list: "list"
    case .map: "map"
    case .optional: "optional_type"
    case .object(let object): object.typeName
    }
  }

  var convertedToString: String? {
    switch self {
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .uint(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): value
    case .bytes(let value): String(decoding: value, as: UTF8.self)
    default: nil
    }
  }

  var isZero: Bool { if case .int(0) = self { true } else { count == 0 } }
  func isEqual(to other: PlainValue) -> Bool { isComparable && order(to: other) == 0 }
  var isComparable: Bool { convertedToString != nil }

  func order(to other: PlainValue) -> Int? {
    switch (self, other) {
    case (.int(let a), .int(let b)): a < b ? -1 : a > b ? 1 : 0
    case (.string(let a), .string(let b)): a < b ? -1 : a > b ? 1 : 0
    default: nil
    }
  }

  func adding(_ other: PlainValue) throws(LibraryFault) -> PlainValue {
    guard case .int(let a) = self, case .int(let b) = other else { throw .noSuchOverload }
    let (sum, isTooLarge) = a.addingReportingOverflow(b)
    if isTooLarge { throw .text("integer overflow") }
    return .int(sum)
  }
}
