import JSON
import Machinery

/// What the status of a namespace that goes says of how far that is. (Kubernetes:
/// pkg/controller/namespace/deletion/status_condition_utils.go)
struct NamespaceConditions {
  /// What of a resource is still there.
  struct Remains {
    let resource: GroupResource
    let count: Int
  }

  /// Why something could not be deleted, a text each.
  var failures: [String] = []
  private var remains: [Remains] = []
  private var finalizers: [ByteString: Int] = [:]

  var isEmpty: Bool { remains.isEmpty }

  mutating func add(_ remains: Remains, finalizers: [ByteString: Int]) {
    self.remains.append(remains)
    self.finalizers.merge(finalizers) { $0 + $1 }
  }

  private struct Kind {
    let type: String
    /// Where all is well.
    let reason: String
    let message: String
  }

  private static let kinds = [
    Kind(
      type: "NamespaceDeletionDiscoveryFailure", reason: "ResourcesDiscovered",
      message: "All resources successfully discovered"),
    Kind(
      type: "NamespaceDeletionGroupVersionParsingFailure", reason: "ParsedGroupVersions",
      message: "All legacy kube types successfully parsed"),
    Kind(
      type: "NamespaceDeletionContentFailure", reason: "ContentDeleted",
      message: "All content successfully deleted, may be waiting on finalization"),
    Kind(
      type: "NamespaceContentRemaining", reason: "ContentRemoved", message: "All content successfully removed"),
    Kind(
      type: "NamespaceFinalizersRemaining", reason: "ContentHasNoFinalizers",
      message: "All content-preserving finalizers finished"),
  ]

  /// What is not well; nil where all is. Nothing has to be discovered or parsed here.
  private func fault(_ type: String) -> (reason: String, message: String)? {
    switch type {
    case "NamespaceDeletionContentFailure" where !failures.isEmpty:
      let texts = failures.sorted().joined(separator: ", ")
      return ("ContentDeletionFailed", "Failed to delete all resource types, \(failures.count) remaining: \(texts)")
    case "NamespaceContentRemaining" where !remains.isEmpty:
      let texts = remains.map { "\($0.resource.resource).\($0.resource.group) has \($0.count) resource instances" }
      return ("SomeResourcesRemain", "Some resources are remaining: \(texts.sorted().joined(separator: ", "))")
    case "NamespaceFinalizersRemaining" where !finalizers.isEmpty:
      let texts = finalizers.map { "\($0.key.text) in \($0.value) resource instances" }
      return (
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: \(texts.sorted().joined(separator: ", "))"
      )
    default: return nil
    }
  }

  /// Writes them into the status of a namespace; false where it says so already.
  func write(into namespace: inout JSONValue, now: Int64) -> Bool {
    var conditions = namespace["status"]?["conditions"]?.array ?? []
    var hasChanged = false
    for kind in Self.kinds {
      let fault = fault(kind.type)
      let status: JSONValue = fault == nil ? "False" : "True"
      let reason = JSONValue.string(fault?.reason ?? kind.reason)
      let message = JSONValue.string(fault?.message ?? kind.message)
      let place = conditions.firstIndex { $0["type"]?.string == kind.type }
      let old = place.map { conditions[$0] }
      if let old, old["status"] == status, old["reason"] == reason, old["message"] == message { continue }
      hasChanged = true
      let time =
        old?["status"] == status
        ? old?["lastTransitionTime"] ?? .null : JSONValue.string(Timestamp.text(now))
      let condition: JSONValue = [
        "type": .string(kind.type), "status": status, "lastTransitionTime": time, "reason": reason, "message": message,
      ]
      if let place { conditions[place] = condition } else { conditions.append(condition) }
    }
    if hasChanged { namespace["status"]?["conditions"] = .array(conditions) }
    return hasChanged
  }
}
