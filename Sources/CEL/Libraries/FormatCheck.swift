/// Holds a format that is written down against the list of arguments that is written down behind it, when an expression
/// is compiled. (cel-go `ext/formatting.go` `stringFormatValidator`)
enum FormatCheck {
  /// An argument as it is written.
  struct Argument {
    /// Where it stands, in whatever the caller counts places by.
    let place: Int
    /// Of its type: `int`, `list`, `google.protobuf.Duration`, `kubernetes.URL`; nil for one that is known only when
    /// the expression runs.
    let typeName: String?
    /// What stands in a list or a map that is written down, keys and values alike.
    var parts: [Argument] = []
  }

  /// What is wrong.
  struct Fault: Error, Equatable {
    let text: String
    /// Of the argument, or of what stands in it; nil for the whole call.
    let place: Int?
  }

  static func check(_ format: String, _ arguments: [Argument]) throws(Fault) {
    var bad: Int?
    let taken: Int
    do throws(FormatString.Fault) {
      taken =
        try FormatString.write(format, count: arguments.count, isStatic: true) {
          number, clause throws(FormatString.Fault) in
          guard let found = firstBad(arguments[number], clause) else { return "" }
          bad = found.place
          throw FormatString.Fault(clause.fault(found.typeName ?? "dyn"), argument: number)
        }.arguments
    } catch { throw Fault(text: error.text, place: bad) }
    if arguments.count > taken {
      throw Fault(
        text: "too many arguments supplied to string.format (expected \(taken), got \(arguments.count))", place: nil)
    }
  }

  private static func firstBad(_ argument: Argument, _ clause: FormatString.Clause) -> Argument? {
    if let name = argument.typeName, !types(clause).contains(name) { return argument }
    guard clause == .string else { return nil }
    for part in argument.parts {
      if let bad = firstBad(part, clause) { return bad }
    }
    return nil
  }

  private static func types(_ clause: FormatString.Clause) -> [String] {
    switch clause {
    case .string:
      [
        "list", "map", "int", "uint", "double", "bool", "string", "bytes", "google.protobuf.Timestamp",
        "google.protobuf.Duration", "type", "null_type",
      ]
    case .decimal, .octal: ["int", "uint"]
    // Three texts count as numbers.
    case .fixed, .scientific: ["double", "string"]
    case .binary: ["int", "uint", "bool"]
    case .hex: ["int", "uint", "string", "bytes"]
    }
  }
}
