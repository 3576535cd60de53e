import ByteBuffers
import JSON
import _StringProcessing

/// What `replay.py` hides before it compares: what no two runs have in common, and what a step leaves out.
struct Normaliser {
  /// What a conversation has captured.
  var variables: [(name: String, value: JSONValue)] = []
  private var expressions: [ByteString: Expression] = [:]

  /// A regular expression and the letters that whatever matches it begins with.
  private struct Expression {
    let regex: Regex<AnyRegexOutput>
    let prefix: [UInt8]
  }

  // MARK: variables

  mutating func capture(_ name: String, _ value: JSONValue) {
    if let place = variables.firstIndex(where: { $0.name == name }) {
      variables[place].value = value
    } else {
      variables.append((name, value))
    }
  }

  /// Puts what was captured in the place of `${NAME}`.
  func fill(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
    var (out, rest) = ([UInt8](), Array(text.utf8)[...])
    while let start = rest.firstIndex(of: UInt8(ascii: "$")) {
      out += rest[..<start]
      rest = rest[start...]
      let name = rest.dropFirst(2).prefix { Self.isWord($0) }
      if rest.dropFirst().first == UInt8(ascii: "{"), !name.isEmpty, rest.dropFirst(2 + name.count).first == 0x7D,
        let value = value(of: String(decoding: name, as: UTF8.self))
      {
        out += value.pythonText.utf8
        rest = rest.dropFirst(3 + name.count)
      } else {
        out.append(UInt8(ascii: "$"))
        rest = rest.dropFirst()
      }
    }
    return String(decoding: out + rest, as: UTF8.self)
  }

  private func value(of name: String) -> JSONValue? { variables.first { $0.name == name }?.value }

  func fill(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text): .string(fill(text))
    case .array(let elements): .array(elements.map(fill))
    case .object(let object):
      .object(JSONObject(uniquing: object.members.map { .init(fill($0.name), fill($0.value)) }))
    default: value
    }
  }

  // MARK: texts

  static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// A text without captured values, uids and times.
  func text(_ text: String) -> String {
    var result = text
    for (name, value) in variables.sorted(by: {
      $0.value.pythonText.unicodeScalars.count > $1.value.pythonText.unicodeScalars.count
    }) {
      if let value = value.string, value.unicodeScalars.count >= 6 {
        result = replace(value, in: result, with: "${\(name)}")
      }
    }
    return Self.hidingPatterns(result)
  }

  private static let selfType = Array("selfType".utf8)

  private static func hidingPatterns(_ text: String) -> String {
    // Most texts have neither.
    guard text.utf8.contains(where: { $0 == UInt8(ascii: "-") }) || text.utf8.contains(UInt8(ascii: "T")) else {
      return text
    }
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    var (at, plain) = (0, 0)
    func cut(_ count: Int, _ new: StaticString) {
      out += bytes[plain..<at]
      out += UnsafeBufferPointer(start: new.utf8Start, count: new.utf8CodeUnitCount)
      at += count
      plain = at
    }
    while at < bytes.count {
      let isStart = at == 0 || !isWord(bytes[at - 1])
      if isStart, let count = uidCount(bytes[at...]) {
        cut(count, "<uid>")
      } else if isStart, let count = timeCount(bytes[at...]) {
        cut(count, "<time>")
      } else if bytes[at] == selfType[0], bytes[at...].starts(with: selfType) {
        at += selfType.count
        let digits = bytes[at...].prefix { isDigit($0) }.count
        if digits > 0 { cut(digits, "") }
      } else {
        at += 1
      }
    }
    return plain == 0 ? text : String(decoding: out + bytes[plain...], as: UTF8.self)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || byte >= 0x61 && byte <= 0x66 }

  static func isUID(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return uidCount(bytes[...]) == bytes.count
  }

  /// Of a uid at the start.
  private static func uidCount(_ bytes: ArraySlice<UInt8>) -> Int? {
    let start = bytes.startIndex
    guard bytes.count >= 36, isHex(bytes[start]), bytes[start + 8] == UInt8(ascii: "-") else { return nil }
    for place in 0..<36 {
      let byte = bytes[start + place]
      guard [8, 13, 18, 23].contains(place) ? byte == UInt8(ascii: "-") : isHex(byte) else { return nil }
    }
    return bytes.count > 36 && isWord(bytes[start + 36]) ? nil : 36
  }

  private static let timeForm = Array("0000-00-00T00:00:00".utf8)

  /// Of a time in UTC at the start.
  private static func timeCount(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard bytes.count >= 20 else { return nil }
    let start = bytes.startIndex
    guard isDigit(bytes[start]), bytes[start + 4] == UInt8(ascii: "-") else { return nil }
    for (place, form) in timeForm.enumerated() {
      let byte = bytes[start + place]
      guard form == 0x30 ? isDigit(byte) : byte == form else { return nil }
    }
    var count = 19
    let rest = bytes.dropFirst(count)
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix { isDigit($0) }.count
      if digits > 0 { count += 1 + digits }
    }
    return bytes.dropFirst(count).first == UInt8(ascii: "Z") ? count + 1 : nil
  }

  // MARK: documents

  private func normal(_ value: JSONValue, _ key: String?) -> JSONValue {
    switch value {
    case .object(let object):
      return .object(JSONObject(unchecked: object.members.map { .init($0.name, normal($0.value, $0.name)) }))
    case .array(let elements): return .array(elements.map { normal($0, nil) })
    case .string(let text):
      if key == "resourceVersion", !(text == "" || text == "0") { return "<rv>" }
      if key == "continue", !text.isEmpty { return "<continue>" }
      if key == "uid", Self.isUID(text) { return "<uid>" }
      return .string(self.text(text))
    default: return value
    }
  }

  /// A body as it is compared. `rules`: the step's.
  mutating func prepare(_ body: JSONValue, _ rules: JSONValue) throws -> JSONValue {
    var body = body
    if Self.isTrue(rules["managedFields"]) { Self.sortManagers(&body) } else { Self.dropManagers(&body) }
    for member in rules["pick"]?.object?.members ?? [] { Self.pick(&body, member.name, member.value.array ?? []) }
    let names = Set((rules["dropKeys"]?.array ?? []).compactMap { $0.string.map { ByteString($0) } })
    if !names.isEmpty { Self.drop(names, &body) }
    if Self.isTrue(rules["anyOrder"]) { Self.sortWhatHasNoOrder(&body) }
    for pointer in (rules["sort"]?.array ?? []).compactMap(\.string) {
      let parts = Pointer.parts(pointer)
      guard case .array(let elements)? = try? Pointer.get(pointer, of: body) else { continue }
      let sorted = Self.sorted(elements) { PythonJSON.text($0, sorted: true) }
      if parts.isEmpty { body = .array(sorted) } else { Pointer.change(parts[...], in: &body) { $0 = .array(sorted) } }
    }
    // A table column's description is documentation, in each server's own words.
    for pointer in (rules["ignore"]?.array ?? []).compactMap(\.string) + ["/columnDefinitions/*/description"] {
      Pointer.change(Pointer.parts(pointer)[...], in: &body) { $0 = nil }
    }
    for pointer in (rules["mask"]?.array ?? []).compactMap(\.string) {
      Pointer.change(Pointer.parts(pointer)[...], in: &body) { $0 = "<masked>" }
    }
    return try hide(normal(body, nil), rules["hide"])
  }

  static func isTrue(_ value: JSONValue?) -> Bool {
    switch value {
    case nil, .null?, .bool(false)?: false
    default: true
    }
  }

  /// Replaces what expressions match, in all strings.
  mutating func hide(_ value: JSONValue, _ patterns: JSONValue?) throws -> JSONValue {
    guard let patterns = patterns?.object, !patterns.isEmpty else { return value }
    for member in patterns.members where expressions[member.name] == nil {
      let prefix = member.name.utf8.prefix { byte in !#"\.[](){}*+?|^$"#.utf8.contains(byte) }
      // A count behind the last letter may be of none.
      let counted = member.name.utf8.dropFirst(prefix.count).first.map { "*?{".utf8.contains($0) } ?? false
      let alternatives = member.name.utf8.contains(UInt8(ascii: "|"))
      expressions[member.name] = Expression(
        regex: try Regex(member.name).matchingSemantics(.unicodeScalar),
        prefix: alternatives ? [] : Array(counted ? prefix.dropLast() : prefix))
    }
    return hidden(value, patterns)
  }

  private func hidden(_ value: JSONValue, _ patterns: JSONObject) -> JSONValue {
    switch value {
    case .object(let object):
      return .object(JSONObject(unchecked: object.members.map { .init($0.name, hidden($0.value, patterns)) }))
    case .array(let elements): return .array(elements.map { hidden($0, patterns) })
    case .string(var text):
      for member in patterns.members {
        guard let expression = expressions[member.name], let new = member.value.string,
          Self.contains(text, expression.prefix)
        else { continue }
        text = text.replacing(expression.regex) { match in
          new.utf8.contains(UInt8(ascii: "\\"))
            ? replace("\\1", in: new, with: match.output.count > 1 ? String(match.output[1].substring ?? "") : "") : new
        }
      }
      return .string(text)
    default: return value
    }
  }

  private static func contains(_ text: String, _ needle: [UInt8]) -> Bool {
    guard let first = needle.first else { return true }
    let bytes = Array(text.utf8)
    guard bytes.count >= needle.count else { return false }
    for at in 0...(bytes.count - needle.count) where bytes[at] == first {
      if bytes[at..<(at + needle.count)].elementsEqual(needle) { return true }
    }
    return false
  }

  // MARK: parts of documents

  /// Changes every object of a document, the inner ones last.
  private static func walk(_ value: inout JSONValue, _ body: (inout JSONObject) -> Void) {
    switch value {
    case .object(var object):
      value = .null
      body(&object)
      for place in object.members.indices { object.edit(at: place) { walk(&$0, body) } }
      value = .object(object)
    case .array(var elements):
      value = .null
      for place in elements.indices { walk(&elements[place], body) }
      value = .array(elements)
    default: break
    }
  }

  private static func dropManagers(_ body: inout JSONValue) { walk(&body) { $0["managedFields"] = nil } }

  /// Entries are ordered by time to the second, so neighbours swap from run to run.
  private static func sortManagers(_ body: inout JSONValue) {
    walk(&body) { object in
      guard case .array(let entries)? = object["managedFields"] else { return }
      object["managedFields"] = .array(
        sorted(entries) { entry in
          ["operation", "manager", "subresource"].map { entry[$0]?.pythonText ?? "None" }.joined(separator: "\u{1}")
        })
    }
  }

  static func sorted(_ elements: [JSONValue], by key: (JSONValue) -> String) -> [JSONValue] {
    let keyed = elements.enumerated().map { (key: key($0.element), place: $0.offset, element: $0.element) }
    return keyed.sorted { $0.key == $1.key ? $0.place < $1.place : $0.key < $1.key }.map(\.element)
  }

  /// Keeps of a list the items whose member is so, of a map the names that contain a text.
  private static func pick(_ body: inout JSONValue, _ pointer: String, _ rule: [JSONValue]) {
    guard rule.count == 2, let found = try? Pointer.get(pointer, of: body) else { return }
    let kept: JSONValue
    switch found {
    case .object(let object):
      let part = Array((rule[1].string ?? "").utf8)
      kept = .object(JSONObject(unchecked: object.members.filter { contains($0.name, part) }))
    case .array(let elements):
      let key = rule[0].string ?? ""
      kept = .array(
        elements.filter { element in
          (try? Pointer.get(key, of: element)).map { $0.isSamePythonValue(as: rule[1]) } ?? false
        })
    default: return
    }
    Pointer.change(Pointer.parts(pointer)[...], in: &body) { $0 = kept }
  }

  private static func drop(_ names: Set<ByteString>, _ body: inout JSONValue) {
    walk(&body) { object in
      object = JSONObject(
        unchecked: object.members.filter { !(names.contains(ByteString($0.name)) && $0.value.string != nil) })
    }
  }

  /// kube-apiserver walks maps in random order, so a Status' causes and the faults in its message have none; conditions
  /// that several controllers set come in any order too.
  private static func sortWhatHasNoOrder(_ body: inout JSONValue) {
    guard case .object = body else { return }
    if case .array(let conditions)? = body["status"]?["conditions"] {
      body["status"]?["conditions"] = .array(sorted(conditions) { $0["type"]?.pythonText ?? "None" })
    }
    func sortResources(_ holder: inout JSONValue) {
      guard case .array(let resources)? = holder["resources"] else { return }
      holder["resources"] = .array(
        sorted(resources) { one in
          let name = one["name"] ?? .null
          return (isTrue(name) && name.string != "" ? name : one["resource"] ?? .null).pythonText
        })
    }
    sortResources(&body)
    if case .array(var items)? = body["items"] {
      for place in items.indices {
        guard case .array(var versions)? = items[place]["versions"] else { continue }
        for index in versions.indices { sortResources(&versions[index]) }
        items[place]["versions"] = .array(versions)
      }
      body["items"] = .array(items)
    }
    if case .array(let causes)? = body["details"]?["causes"] {
      body["details"]?["causes"] = .array(sorted(causes) { PythonJSON.text($0, sorted: true) })
    }
    if let message = body["message"]?.string {
      let mark = " is invalid: "
      let parts = split(message, at: mark)
      guard parts.count > 1 else { return }
      let faults = split(parts.dropFirst().joined(separator: mark), at: ", ").map { fault in
        String(fault.drop { "[]".contains($0) }.reversed().drop { "[]".contains($0) }.reversed())
      }
      body["message"] = .string(parts[0] + mark + faults.sorted(by: <).joined(separator: ", "))
    }
  }

  private static func split(_ text: String, at mark: String) -> [String] {
    replace(mark, in: text, with: "\u{0}").utf8.split(separator: 0, omittingEmptySubsequences: false).map {
      String($0) ?? ""
    }
  }
}
