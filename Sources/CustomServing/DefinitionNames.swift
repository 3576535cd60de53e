import ByteBuffers
import JSON
import Machinery

/// The names that definitions of a group have claimed: of two that want one, the first has it. (apiextensions-apiserver:
/// `pkg/controller/status/naming_controller.go`)
struct ClaimedNames {
  private var claims: [ByteString: (group: ByteString, names: JSONValue)] = [:]

  /// What a definition has, under its own name.
  mutating func note(_ definition: JSONValue) {
    let name = definition["metadata"]?["name"]?.string ?? ""
    claims[ByteString(name)] = (
      ByteString(definition["spec"]?["group"]?.string ?? ""), definition["status"]?["acceptedNames"] ?? [:]
    )
  }

  /// Returns the group of one that is gone.
  mutating func forget(_ name: String) -> String? { claims.removeValue(forKey: ByteString(name))?.group.text }

  /// The definitions of a group.
  func definitions(of group: String) -> [String] {
    claims.filter { $0.value.group.text == group }.map(\.key.text)
  }

  /// What of the wanted names a definition gets, and with which conditions; nil where nothing is to be changed.
  func status(of definition: JSONValue) -> JSONValue? {
    let wanted = definition["spec"]?["names"] ?? [:]
    let has = definition["status"]?["acceptedNames"] ?? [:]
    if Self.normal(wanted).isSameValue(as: Self.normal(has)) { return nil }
    var (resources, kinds) = (Set<ByteString>(), Set<ByteString>())
    let group = ByteString(definition["spec"]?["group"]?.string ?? "")
    for claim in claims.values where claim.group == group {
      for member in ["plural", "singular"] { resources.insert(ByteString(claim.names[member]?.string ?? "")) }
      for name in claim.names["shortNames"]?.array ?? [] { resources.insert(ByteString(name.string ?? "")) }
      for member in ["kind", "listKind"] { kinds.insert(ByteString(claim.names[member]?.string ?? "")) }
    }
    var (gets, conflict) = (has, (reason: "", message: ""))
    func problem(_ name: String, _ own: String, _ used: Set<ByteString>) -> String? {
      name == own || !used.contains(ByteString(name)) ? nil : "\"\(name)\" is already in use"
    }
    func claim(_ member: String, _ reason: String, _ used: Set<ByteString>) {
      let name = wanted[member]?.string ?? ""
      if let problem = problem(name, has[member]?.string ?? "", used) {
        conflict = (reason, problem)
      } else {
        gets[member] = wanted[member]
      }
    }
    claim("plural", "PluralConflict", resources)
    claim("singular", "SingularConflict", resources)
    let own = Set((has["shortNames"]?.array ?? []).map { ByteString($0.string ?? "") })
    let problems = (wanted["shortNames"]?.array ?? []).compactMap(\.string).filter { !own.contains(ByteString($0)) }
      .compactMap { problem($0, "", resources) }
    if problems.isEmpty {
      gets["shortNames"] = wanted["shortNames"]
    } else {
      conflict = (
        "ShortNamesConflict", problems.count == 1 ? problems[0] : "[\(problems.joined(separator: ", "))]"
      )
    }
    claim("kind", "KindConflict", kinds)
    claim("listKind", "ListKindConflict", kinds)
    gets["categories"] = wanted["categories"]
    let isGood = conflict.reason.isEmpty
    var changed = definition
    changed["status"]?["acceptedNames"] = gets
    DefinitionConditions.set(
      "NamesAccepted", isGood, isGood ? "NoConflicts" : conflict.reason,
      isGood ? "no conflicts found" : conflict.message, in: &changed)
    if !DefinitionConditions.isTrue("Established", definition) {
      if isGood {
        DefinitionConditions.set(
          "Established", false, "Installing", "the initial names have been accepted", in: &changed)
      } else if DefinitionConditions.find("Established", definition) == nil {
        DefinitionConditions.set("Established", false, "NotAccepted", "not all names are accepted", in: &changed)
      }
    }
    return changed == definition ? nil : changed
  }

  private static func normal(_ names: JSONValue) -> JSONValue {
    .object(
      JSONObject(
        unchecked: (names.object?.members ?? []).filter { $0.value.array?.isEmpty != true && $0.value != "" }))
  }
}

/// The conditions of a definition. (`SetCRDCondition` and its kin)
enum DefinitionConditions {
  static func find(_ type: String, _ definition: JSONValue) -> JSONValue? {
    definition["status"]?["conditions"]?.array?.first { $0["type"]?.string == type }
  }

  static func isTrue(_ type: String, _ definition: JSONValue) -> Bool {
    find(type, definition)?["status"] == "True"
  }

  /// A condition keeps its time while its status stays.
  static func set(
    _ type: String, _ isTrue: Bool, _ reason: String, _ message: String, in definition: inout JSONValue
  ) {
    var conditions = definition["status"]?["conditions"]?.array ?? []
    let place = conditions.firstIndex { $0["type"]?.string == type }
    let status: JSONValue = isTrue ? "True" : "False"
    let before = place.map { conditions[$0] }
    let keeps = before?["status"] == status
    let time = (keeps ? before?["lastTransitionTime"] : nil) ?? .string(Timestamp.text(Timestamp.now))
    let condition: JSONValue = [
      "type": .string(type), "status": status, "lastTransitionTime": time, "reason": .string(reason),
      "message": .string(message),
    ]
    if let place { conditions[place] = condition } else { conditions.append(condition) }
    definition["status"]?["conditions"] = .array(conditions)
  }
}
