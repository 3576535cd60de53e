public import JSON
public import Machinery

/// One thing that is known of a definition. (`CustomResourceDefinitionCondition`)
public struct DefinitionCondition: Sendable, Equatable {
  /// The types of conditions that there are.
  public enum Kind: String, Sendable {
    case established = "Established"
    case namesAccepted = "NamesAccepted"
    case terminating = "Terminating"
    case approvalConformant = "KubernetesAPIApprovalPolicyConformant"
  }

  public let kind: Kind
  /// `True`, `False` or `Unknown`.
  public let status: String
  public let reason: String
  public let message: String

  public init(_ kind: Kind, _ status: Bool, _ reason: String, _ message: String) {
    self.kind = kind
    self.status = status ? "True" : "False"
    self.reason = reason
    self.message = message
  }

  /// The condition of a kind that a definition has; nil for none.
  public init?(_ kind: Kind, of definition: JSONValue) {
    guard let found = Self.place(of: kind, in: Self.all(definition))?.value else { return nil }
    self.kind = kind
    status = found["status"]?.string ?? ""
    reason = found["reason"]?.string ?? ""
    message = found["message"]?.string ?? ""
  }

  /// Does a definition have the condition, and is it true?
  public static func isTrue(_ kind: Kind, _ definition: JSONValue) -> Bool {
    DefinitionCondition(kind, of: definition)?.status == "True"
  }

  /// Writes the condition into a definition's status, over the one of its kind or behind all others. The time is that
  /// of the last change of `status` alone. (`SetCRDCondition`) `now`: in seconds since 1970.
  public func set(_ definition: inout JSONValue, now: Int64 = Timestamp.now) {
    var conditions = Self.all(definition)
    let before = Self.place(of: kind, in: conditions)
    let time = before?.value["lastTransitionTime"]?.string ?? ""
    let isUnchanged = before?.value["status"]?.string == status && !time.isEmpty
    var members = [
      JSONObject.Member("type", .string(kind.rawValue)), JSONObject.Member("status", .string(status)),
      JSONObject.Member("lastTransitionTime", .string(isUnchanged ? time : Timestamp.text(now))),
    ]
    if !reason.isEmpty { members.append(JSONObject.Member("reason", .string(reason))) }
    if !message.isEmpty { members.append(JSONObject.Member("message", .string(message))) }
    // What others wrote about generations stays.
    if let generation = before?.value["observedGeneration"] {
      members.append(JSONObject.Member("observedGeneration", generation))
    }
    let value = JSONValue.object(JSONObject(unchecked: members))
    if let index = before?.index { conditions[index] = value } else { conditions.append(value) }
    DefinitionStatus.edit(&definition) { $0["conditions"] = .array(conditions) }
  }

  private static func all(_ definition: JSONValue) -> [JSONValue] {
    definition["status"]?["conditions"]?.array ?? []
  }

  private static func place(of kind: Kind, in conditions: [JSONValue]) -> (index: Int, value: JSONValue)? {
    conditions.firstIndex { $0["type"]?.string == kind.rawValue }.map { ($0, conditions[$0]) }
  }
}
