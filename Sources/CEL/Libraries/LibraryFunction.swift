/// One overload of a function of the libraries: how it is declared, and what it answers.
struct LibraryFunction<Value: LibraryValue>: Sendable {
  let name: String
  /// As cel-go and Kubernetes call it: prices go by it.
  let overload: String
  /// `string.(int) -> string` of what is called on a value, `(string) -> list(T)` of what is not. What is not a type
  /// of the language is the name of one: `kubernetes.URL`; a capital alone stands for any type.
  let signature: String
  /// The argument with this number is a regular expression. One that is written down is compiled with the expression,
  /// which is refused for a malformed one; it is handed to `LibraryArguments` then.
  var patternPlace: Int? { name == "find" || name == "findAll" ? 1 : nil }
  let body: @Sendable (LibraryArguments<Value>) throws(LibraryFault) -> Value

  init(
    _ name: String, _ overload: String, _ signature: String,
    _ body: @escaping @Sendable (LibraryArguments<Value>) throws(LibraryFault) -> Value
  ) {
    self.name = name
    self.overload = overload
    self.signature = signature
    self.body = body
  }

  /// All that Kubernetes 1.36's environment has beyond the standard library. (apiserver `environment/base.go`)
  static func all() -> [LibraryFunction] {
    texts + lists + comparisons + sets + optionals + regexes + urls + addresses + networks + quantities + versions
      + formats
  }
}

/// Types whose values are in an order, and by which lists are sorted, with their names in overloads.
enum ComparableTypes {
  static let all = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"]

  /// As cel-go's own libraries name them in overloads.
  static func name(_ type: String) -> String {
    switch type {
    case "duration": "google.protobuf.Duration"
    case "timestamp": "google.protobuf.Timestamp"
    default: type
    }
  }
}
