public import JSON
import Machinery

/// Whether Kubernetes' reviewers have seen a definition in a group of theirs: what its annotation says.
/// (apiextensions-apiserver: `pkg/apihelpers.GetAPIApprovalState`)
public enum APIApproval: Sendable, Equatable {
  case invalid, approved, bypassed, missing

  public static let annotation = "api-approved.kubernetes.io"

  /// Is a group the project's own, so that its definitions have to be approved?
  public static func isNeeded(for group: String) -> Bool {
    ["k8s.io", "kubernetes.io"].contains { group == $0 || group.hasSuffix(".\($0)") }
  }

  /// What a definition says, and what is to be told of it.
  public static func state(of definition: JSONValue) -> (state: APIApproval, reason: String) {
    let text = definition["metadata"]?["annotations"]?[annotation]?.string ?? ""
    let proposal = "see https://github.com/kubernetes/enhancements/pull/1111"
    let needed = "protected groups must have approval annotation \(GoText.quoted(annotation))"
    if text.isEmpty { return (.missing, "\(needed), \(proposal)") }
    if text.hasPrefix("unapproved") { return (.bypassed, "not approved: \(GoText.quoted(text))") }
    if let url = try? GoURL(parsing: text), !url.host.isEmpty, !url.scheme.isEmpty {
      return (.approved, "approved in \(text)")
    }
    return (.invalid, "\(needed) with either a URL or a reason starting with \"unapproved\", \(proposal)")
  }
}
