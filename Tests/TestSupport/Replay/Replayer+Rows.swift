import ByteBuffers
import JSON

/// Steps that are tables of small requests, each counted.
extension Replayer {
  /// Rows that change `base` and send it; what is answered is compared by what it changes of what was sent.
  func probes(_ probes: JSONValue, _ place: String) throws {
    for row in probes["table"]?.array ?? [] {
      let name = row["name"]?.string ?? ""
      var body = row["base"] ?? probes["base"] ?? .null
      for edit in row["edit"]?.object?.members ?? [] { try Pointer.put(edit.name, edit.value, into: &body) }
      body = normaliser.fill(body)
      let answer = try request(
        (row["do"] ?? probes["do"])?.string ?? "", normaliser.fill((row["path"] ?? probes["path"])?.string ?? ""),
        Self.bytes(body), (row["headers"] ?? probes["headers"]).map(normaliser.fill))
      var document =
        (try? PythonJSON.parse(answer.body)) ?? ["text": .string(String(decoding: answer.body, as: UTF8.self))]
      let rules: JSONValue = [
        "ignore": row["ignore"] ?? probes["ignore"] ?? [], "anyOrder": row["anyOrder"] ?? probes["anyOrder"] ?? false,
      ]
      var got: JSONValue = ["status": .int(Int64(answer.status))]
      if answer.status < 300, case .object(var sent) = body, document["kind"]?.string != "Status" {
        document["metadata"] = nil
        for pointer in rules["ignore"]?.array ?? [] {
          Pointer.change(Pointer.parts(pointer.string ?? "")[...], in: &document) { $0 = nil }
        }
        sent["metadata"] = nil
        var difference = Pointer.Difference()
        Pointer.changed(.object(sent), document, &difference)
        difference.gone.sort(by: <)
        for member in difference.members { got[member.name] = member.value }
      } else {
        got["body"] = try normaliser.prepare(document, rules)
      }
      if let text = warnings(of: answer) { got["warning"] = .string(Self.sortedWarnings(text)) }
      let before = differences.count
      var want = row["expect"] ?? .null
      if let body = want["body"] { want["body"] = try normaliser.prepare(body, rules) }
      compare("\(place) \(name)", want, got)
      check(name, matches: differences.count == before)
    }
  }

  /// Rows that change one object by a dry run each.
  func sweep(_ how: JSONValue, _ step: JSONValue, _ place: String) throws {
    let method = how["post"] != nil ? "POST" : how["put"] != nil ? "PUT" : "PATCH"
    let path = normaliser.fill(how[method.lowercased()]?.string ?? "")
    let headers: JSONValue = ["Content-Type": how["as"] ?? "application/json"]
    let target = path + (path.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + "dryRun=All"

    func send(
      _ method: String, _ path: String, _ body: JSONValue?
    ) throws -> (
      status: Int, warnings: [JSONValue], document: JSONValue
    ) {
      let answer = try request(method, path, Self.bytes(body), headers)
      let document = (try? PythonJSON.parse(answer.body)) ?? .string(String(decoding: answer.body, as: UTF8.self))
      let warnings = try answer.headers.filter { $0.name == "warning" }.map { field in
        try normaliser.hide(.string(normaliser.text(field.value)), step["hide"])
      }
      return (answer.status, warnings, document)
    }

    let base = method == "POST" ? normaliser.fill(how["base"] ?? .null) : try send("GET", path, nil).document
    var answer = base
    if method == "POST" {
      let first = try send(method, target, base)
      if first.status >= 300 {
        differ(place, "the unedited base is refused: \(first.status) \(PythonJSON.short(first.document))")
      }
      answer = first.document
    }
    let normal = try normaliser.prepare(answer, step)
    for (index, row) in (how["table"]?.array ?? []).enumerated() where !leavesOut(row) {
      let shown = ["edit", "patch"].compactMap { name in row[name].map { JSONObject.Member(name, $0) } }
      let name = "\(method) \(index) \(PythonJSON.short(.object(JSONObject(unchecked: shown)), 160))"
      let before = differences.count
      var sent = base
      if method == "PATCH" {
        sent = normaliser.fill(row["patch"] ?? .null)
      } else {
        do {
          for edit in row["edit"]?.object?.members ?? [] {
            try Pointer.put(edit.name, normaliser.fill(edit.value), into: &sent)
          }
        } catch {
          check(name, place, "the base lacks what this changes")
          continue
        }
      }
      let (status, warnings, document): (Int, [JSONValue], JSONValue)
      do {
        (status, warnings, document) = try send(method, target + (row["query"]?.string ?? ""), sent)
      } catch {
        check(name, place, "no answer: \(error)")
        continue
      }
      var got: JSONValue = ["status": .int(Int64(status))]
      if status >= 300 {
        got["body"] = try normaliser.prepare(document, step)
      } else {
        var difference = Pointer.Difference()
        Pointer.apart(normal, try normaliser.prepare(document, step), &difference)
        got["but"] = .object(JSONObject(unchecked: difference.members))
      }
      if !warnings.isEmpty { got["warnings"] = .array(warnings) }
      var want = JSONValue.object(JSONObject())
      for name in ["status", "body", "but", "warnings"] { if let value = row[name] { want[name] = value } }
      if let causes = row["causes"]?.array { want["body"] = Self.invalid(how["details"] ?? .null, causes) }
      if want["status"]?.int != Int64(status) {
        differ(
          "\(place) \(name)",
          "status \(status), want \(want["status"]?.pythonText ?? "None"): \(PythonJSON.short(document))")
      } else {
        compare("\(place) \(name)", want, got)
      }
      check(name, matches: differences.count == before)
    }
  }

  private func check(_ name: String, matches: Bool) {
    if matches { check(name, "") } else { fail(name) }
  }

  /// The Status of an invalid object: its message is made of its causes, each [FIELD, REASON, MESSAGE], without
  /// repetition.
  private static func invalid(_ details: JSONValue, _ causes: [JSONValue]) -> JSONValue {
    let parts = causes.map { cause in (cause.array ?? []).map { $0.string ?? "" } }.filter { $0.count == 3 }
    var texts: [String] = []
    for part in parts {
      let text = "\(part[0]): \(part[2])"
      if !texts.contains(text) { texts.append(text) }
    }
    var kind = details["kind"]?.string ?? ""
    if let group = details["group"]?.string { kind += ".\(group)" }
    var all = details
    all["causes"] = .array(
      parts.map { ["reason": .string($0[1]), "message": .string($0[2]), "field": .string($0[0])] })
    let told = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
    return [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
      "message": .string("\(kind) \"\(details["name"]?.string ?? "")\" is invalid: \(told)"), "reason": "Invalid",
      "details": all, "code": 422,
    ]
  }
}
