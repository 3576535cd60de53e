import Machinery

/// When something is to be done again and again: `*/5 1-3 * jan-mar mon`, `@daily`, `@every 1h30m`. Here only what is
/// wrong with one is told. (github.com/robfig/cron v3, `ParseStandard`)
enum CronSchedule {
  private struct Problem: Error { let text: String }

  private struct Field {
    let least: Int
    let most: Int
    var names: [String] = []
  }

  private static let fields = [
    Field(least: 0, most: 59), Field(least: 0, most: 23), Field(least: 1, most: 31),
    Field(
      least: 1, most: 12,
      names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    Field(least: 0, most: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
  ]

  private static let descriptors = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]

  /// What is wrong with a schedule, in upstream's words; nil for a good one.
  static func problem(_ text: String) -> String? {
    do throws(Problem) {
      try check(text)
      return nil
    } catch { return error.text }
  }

  private static func check(_ text: String) throws(Problem) {
    if text.isEmpty { throw Problem(text: "empty spec string") }
    var rest = text
    if text.hasPrefix("TZ=") || text.hasPrefix("CRON_TZ=") {
      guard let end = text.utf8.firstIndex(of: UInt8(ascii: " ")) else {
        // Upstream cuts where there is nothing to cut, and tells so.
        throw Problem(text: "invalid schedule format: runtime error: slice bounds out of range [:-1]")
      }
      let zone = String(text[..<end].drop { $0 != "=" }.dropFirst())
      if let problem = TimeZones.problem(zone) { throw Problem(text: "provided bad location \(zone): \(problem)") }
      rest = GoText.trimmed(String(text[end...]))
    }
    if rest.hasPrefix("@") { return try descriptor(rest) }
    let words = rest.unicodeScalars.split { $0.properties.isWhitespace }.map { String($0) }
    guard words.count == fields.count else {
      throw Problem(
        text: "expected exactly \(fields.count) fields, found \(words.count): [\(words.joined(separator: " "))]")
    }
    for (word, field) in zip(words, fields) {
      for range in pieces(word, UInt8(ascii: ",")) where !range.isEmpty { try check(range: range, field) }
    }
  }

  private static func descriptor(_ text: String) throws(Problem) {
    if descriptors.contains(text) { return }
    guard text.hasPrefix("@every ") else { throw Problem(text: "unrecognized descriptor: \(text)") }
    do { _ = try GoDuration.parse(String(text.dropFirst("@every ".count))) } catch {
      throw Problem(text: "failed to parse duration \(text): \(error.description)")
    }
  }

  /// `5`, `1-5`, `*/10`, `1-30/2`
  private static func check(range text: String, _ field: Field) throws(Problem) {
    let parts = pieces(text, UInt8(ascii: "/"))
    let ends = pieces(parts[0], UInt8(ascii: "-"))
    var (first, last) = (field.least, field.most)
    if ends[0] != "*" && ends[0] != "?" {
      first = try number(ends[0], field)
      switch ends.count {
      case 1: last = first
      case 2: last = try number(ends[1], field)
      default: throw Problem(text: "too many hyphens: \(text)")
      }
    }
    var step = 1
    switch parts.count {
    case 1: break
    case 2:
      step = try number(parts[1])
      // From there on.
      if ends.count == 1 { last = field.most }
    default: throw Problem(text: "too many slashes: \(text)")
    }
    if first < field.least {
      throw Problem(text: "beginning of range (\(first)) below minimum (\(field.least)): \(text)")
    }
    if last > field.most { throw Problem(text: "end of range (\(last)) above maximum (\(field.most)): \(text)") }
    if first > last { throw Problem(text: "beginning of range (\(first)) beyond end of range (\(last)): \(text)") }
    if step == 0 { throw Problem(text: "step of range should be a positive number: \(text)") }
  }

  private static func pieces(_ text: String, _ separator: UInt8) -> [String] {
    text.utf8.split(separator: separator, omittingEmptySubsequences: false).map { String(Substring($0)) }
  }

  private static func number(_ text: String, _ field: Field) throws(Problem) -> Int {
    let name = text.lowercased()
    if let place = field.names.firstIndex(where: { $0 == name }) { return field.least + place }
    return try number(text)
  }

  private static func number(_ text: String) throws(Problem) -> Int {
    guard let number = Int(text) else {
      let digits =
        text.utf8.first.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } ?? false
        ? text.utf8.dropFirst() : text.utf8[...]
      let isNumber = !digits.isEmpty && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      let why = isNumber ? "value out of range" : "invalid syntax"
      throw Problem(text: "failed to parse int from \(text): strconv.Atoi: parsing \(GoText.quoted(text)): \(why)")
    }
    if number < 0 { throw Problem(text: "negative number (\(number)) not allowed: \(text)") }
    return number
  }
}
