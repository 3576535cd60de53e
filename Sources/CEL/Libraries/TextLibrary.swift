import RegularExpressions

/// The strings library, version 2, and Kubernetes' regular expressions. (cel-go `ext/strings.go`, apiserver
/// `library/regex.go`)
extension LibraryFunction {
  static var texts: [LibraryFunction] {
    [
      LibraryFunction("charAt", "string_char_at_int", "string.(int) -> string") { a throws(LibraryFault) in
        .string(try StringFunctions.charAt(try a.text(0), try a.int(1)))
      },
      LibraryFunction("indexOf", "string_index_of_string", "string.(string) -> int") { a throws(LibraryFault) in
        .int(try StringFunctions.index(of: try a.text(1), in: try a.text(0)))
      },
      LibraryFunction("indexOf", "string_index_of_string_int", "string.(string, int) -> int") {
        a throws(LibraryFault) in
        .int(try StringFunctions.index(of: try a.text(1), in: try a.text(0), from: try a.int(2)))
      },
      LibraryFunction("lastIndexOf", "string_last_index_of_string", "string.(string) -> int") {
        a throws(LibraryFault) in
        .int(StringFunctions.lastIndex(of: try a.text(1), in: try a.text(0)))
      },
      LibraryFunction("lastIndexOf", "string_last_index_of_string_int", "string.(string, int) -> int") {
        a throws(LibraryFault) in
        .int(try StringFunctions.lastIndex(of: try a.text(1), in: try a.text(0), from: try a.int(2)))
      },
      LibraryFunction("lowerAscii", "string_lower_ascii", "string.() -> string") { a throws(LibraryFault) in
        .string(StringFunctions.lowerAscii(try a.text(0)))
      },
      LibraryFunction("upperAscii", "string_upper_ascii", "string.() -> string") { a throws(LibraryFault) in
        .string(StringFunctions.upperAscii(try a.text(0)))
      },
      LibraryFunction("replace", "string_replace_string_string", "string.(string, string) -> string") {
        a throws(LibraryFault) in
        .string(try StringFunctions.replace(try a.text(0), try a.text(1), with: try a.text(2)))
      },
      LibraryFunction("replace", "string_replace_string_string_int", "string.(string, string, int) -> string") {
        a throws(LibraryFault) in
        .string(try StringFunctions.replace(try a.text(0), try a.text(1), with: try a.text(2), count: try a.int(3)))
      },
      LibraryFunction("split", "string_split_string", "string.(string) -> list(string)") { a throws(LibraryFault) in
        .texts(StringFunctions.split(try a.text(0), at: try a.text(1)))
      },
      LibraryFunction("split", "string_split_string_int", "string.(string, int) -> list(string)") {
        a throws(LibraryFault) in
        .texts(StringFunctions.split(try a.text(0), at: try a.text(1), count: try a.int(2)))
      },
      LibraryFunction("substring", "string_substring_int", "string.(int) -> string") { a throws(LibraryFault) in
        .string(try StringFunctions.substring(try a.text(0), from: try a.int(1)))
      },
      LibraryFunction("substring", "string_substring_int_int", "string.(int, int) -> string") {
        a throws(LibraryFault) in
        .string(try StringFunctions.substring(try a.text(0), from: try a.int(1), to: try a.int(2)))
      },
      LibraryFunction("trim", "string_trim", "string.() -> string") { a throws(LibraryFault) in
        .string(StringFunctions.trim(try a.text(0)))
      },
      LibraryFunction("format", "string_format", "string.(list(dyn)) -> string") { a throws(LibraryFault) in
        .string(try ValueFormat<Value>.format(try a.text(0), try a.list(1)))
      },
      LibraryFunction("strings.quote", "strings_quote", "(string) -> string") { a throws(LibraryFault) in
        .string(StringFunctions.quote(try a.text(0)))
      },
      LibraryFunction("join", "list_join", "list(string).() -> string") { a throws(LibraryFault) in
        .string(try join(try a.list(0), ""))
      },
      LibraryFunction("join", "list_join_string", "list(string).(string) -> string") { a throws(LibraryFault) in
        .string(try join(try a.list(0), try a.text(1)))
      },
    ]
  }

  private static func join(_ values: [Value], _ separator: String) throws(LibraryFault) -> String {
    var parts: [String] = []
    parts.reserveCapacity(values.count)
    for value in values {
      guard case .string(let text) = value.view else {
        throw .text("join: invalid input: \(ValueFormat<Value>.shown(value))")
      }
      parts.append(text)
    }
    return try StringFunctions.join(parts, separator)
  }

  static var regexes: [LibraryFunction] {
    [
      LibraryFunction("find", "string_find_string", "string.(string) -> string") { a throws(LibraryFault) in
        .string(try a.regex(1).firstMatch(in: try a.text(0)) ?? "")
      },
      LibraryFunction("findAll", "string_find_all_string", "string.(string) -> list(string)") {
        a throws(LibraryFault) in
        .texts(try a.regex(1).matches(in: try a.text(0)))
      },
      LibraryFunction("findAll", "string_find_all_string_int", "string.(string, int) -> list(string)") {
        a throws(LibraryFault) in
        let max = try a.int(2)
        return .texts(try a.regex(1).matches(in: try a.text(0), max: max < 0 ? .max : Int(clamping: max)))
      },
    ]
  }
}
