/// One flag that is known, and what is done with it.
struct KnownFlag: Sendable {
  enum Deed: Sendable, Equatable {
    case acts
    /// The value is checked, and the start says that nothing applies it.
    case taken
    case refused(why: String)
    /// Acts as long as it says what is so anyway.
    case only(value: String, why: String)
  }

  let name: String
  let type: FlagType
  let deed: Deed
  /// All of them must hold, or the flag has no effect.
  let conditions: [FlagCondition]
  /// Must it not be given where it has no effect?
  let protects: Bool
  let isNeverEmpty: Bool

  /// A line of the table `KnownFlags`.
  init(line: Substring) {
    let halves = line.split(separator: ":", maxSplits: 1)
    let words = halves[0].split(separator: " ").map(String.init)
    let why = halves.count > 1 ? String(halves[1].dropFirst()) : ""
    precondition(words.count >= 3, "a flag needs a name, a type and a deed: \(line)")
    name = words[0]
    guard let type = FlagType(words[1]) else { preconditionFailure("unknown type: \(line)") }
    self.type = type
    switch words[2] {
    case "acts": deed = .acts
    case "taken": deed = .taken
    case "refused": deed = .refused(why: why)
    case let word where word.hasPrefix("only="): deed = .only(value: String(word.dropFirst(5)), why: why)
    default: preconditionFailure("unknown deed: \(line)")
    }
    let marks = words.dropFirst(3)
    protects = marks.contains("protects")
    isNeverEmpty = marks.contains("filled")
    conditions = marks.filter { $0 != "protects" && $0 != "filled" }.map { mark in
      guard let condition = FlagCondition(mark) else { preconditionFailure("unknown mark: \(line)") }
      return condition
    }
  }

  /// As messages name it; `v` has a short form.
  var shown: String { name == "v" ? "-v, --v" : "--\(name)" }
}

/// Without what a flag has no effect.
enum FlagCondition: Sendable, Equatable {
  case https, http
  /// A storage that is one of these.
  case etcd, etcd3, etcd2, sqlite
  /// A storage that keeps history.
  case history
  /// Something in the data directory: the embedded database, or certificates.
  case folder
  /// A watch cache.
  case cache
  /// Another flag that is given, and has an effect itself.
  case with(String)

  init?(_ mark: String) {
    let names: [String: FlagCondition] = [
      "https": .https, "http": .http, "etcd": .etcd, "etcd3": .etcd3, "etcd2": .etcd2, "sqlite": .sqlite,
      "history": .history, "folder": .folder, "cache": .cache,
    ]
    if let condition = names[mark] {
      self = condition
    } else if mark.hasPrefix("with=") {
      self = .with(String(mark.dropFirst(5)))
    } else {
      return nil
    }
  }
}
