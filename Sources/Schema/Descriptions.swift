/// What is said of types and their members to people, read from the generated facts for as long as a document is made.
struct Descriptions {
  /// By type and member; the type itself under the empty name.
  private var texts: [Substring: [Substring: Substring]] = [:]

  /// `facts`: text in the form that scripts/generate-schema describes.
  init(facts: String) {
    var type: Substring = ""
    for line in facts.split(separator: "\n") {
      guard let (name, rest) = Self.word(line) else { continue }
      if name == "T", let (named, text) = Self.word(rest) {
        type = named
        texts[type] = ["": text]
      } else {
        texts[type]?[name] = rest
      }
    }
  }

  static var builtin: Descriptions {
    Descriptions(facts: FactDescriptions.all.map(\.description).joined(separator: "\n"))
  }

  /// What a type is.
  subscript(type: String) -> String? { self[type, ""] }

  /// What a member of a type is.
  subscript(type: String, member: String) -> String? { texts[Substring(type)]?[Substring(member)].map(String.init) }

  private static func word(_ line: Substring) -> (Substring, Substring)? {
    line.firstIndex(of: " ").map { (line[..<$0], line[line.index(after: $0)...]) }
  }
}
