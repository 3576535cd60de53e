/// How an overload is declared, read from its text: `list(T).(int) -> list(T)`.
struct LibrarySignature: Equatable {
  indirect enum Kind: Equatable {
    /// Of the language: `int`, `string`, `dyn`, `duration`.
    case simple(String)
    case list(Kind)
    case map(Kind, Kind)
    case optional(Kind)
    /// Any type, the same wherever its letter stands.
    case parameter(String)
    /// By its whole name: an object of Kubernetes, or an address or network, which are opaque.
    case object(String)
  }

  /// nil for what is not called on a value.
  let receiver: Kind?
  let arguments: [Kind]
  let result: Kind

  /// The receiver first, as an implementation gets them.
  var parameters: [Kind] { (receiver.map { [$0] } ?? []) + arguments }

  /// nil for a text that is none, which a test holds all of ours against.
  init?(_ text: String) {
    var reader = Reader(rest: Array(text.utf8)[...])
    if reader.skip("(") {
      receiver = nil
    } else {
      guard let type = reader.type(), reader.skip(".(") else { return nil }
      receiver = type
    }
    guard let arguments = reader.types(), reader.skip(" -> "), let result = reader.type(), reader.rest.isEmpty else {
      return nil
    }
    self.arguments = arguments
    self.result = result
  }

  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func skip(_ text: String) -> Bool {
      guard rest.starts(with: text.utf8) else { return false }
      rest = rest.dropFirst(text.utf8.count)
      return true
    }

    /// Up to the closing parenthesis.
    mutating func types() -> [Kind]? {
      var found: [Kind] = []
      if skip(")") { return found }
      while let type = type() {
        found.append(type)
        if skip(")") { return found }
        guard skip(", ") else { return nil }
      }
      return nil
    }

    mutating func type() -> Kind? {
      let name = rest.prefix { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }
      rest = rest.dropFirst(name.count)
      let text = String(decoding: name, as: UTF8.self)
      if skip("(") {
        guard let inner = types() else { return nil }
        switch (text, inner.count) {
        case ("list", 1): return .list(inner[0])
        case ("map", 2): return .map(inner[0], inner[1])
        case ("optional", 1): return .optional(inner[0])
        default: return nil
        }
      }
      if !rest.starts(with: ".(".utf8), skip(".") {
        guard case .simple(let end)? = type() else { return nil }
        return .object("\(text).\(end)")
      }
      guard let first = name.first else { return nil }
      return name.count == 1 && first < 0x61 ? .parameter(text) : .simple(text)
    }
  }
}
