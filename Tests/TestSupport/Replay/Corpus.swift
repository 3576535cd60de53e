import Foundation
public import JSON

/// The recorded conversations that the repository has.
public enum Corpus {
  /// The files of `Tests/Conformance/cases/builtin`, without their ending: a suite a resource. Without `ofCallers`.
  public static let builtin: [String] = {
    let folder = Repository.root.appending(path: "Tests/Conformance/cases/builtin").path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
      .filter { !ofCallers.contains($0) }
  }()

  /// Files of that folder whose answers tell who asks: they are replayed as `admin`, over HTTPS.
  public static let ofCallers = ["certificates.k8s.io-certificatesigningrequests"]

  /// Conversations that need what is not there yet, and what that is.
  public static let awaiting = [
    "access/decisions/cluster": "what only OpenShift's build says of nodes/proxy",
    "access/requests/impersonate-refused": accountTokens,
    "core-pods/sweep-merge": emptied,
    "resource.k8s.io-deviceclasses/raw-bytes": "a decoder that keeps the white space of raw JSON",
    "resource.k8s.io-resourceclaims/sweep-replace": emptied,
    "resource.k8s.io-resourceclaimtemplates/sweep-replace": emptied,
    "resource.k8s.io-resourceslices/sweep-replace": emptied,
    "core-replicationcontrollers/scale-apply": "scales",
    "core-persistentvolumes/sweep-merge": emptied, "core-persistentvolumes/sweep-strategic": emptied,
    "storage.k8s.io-storageclasses/sweep-strategic": emptied,
    "core-services/proxy": "proxies",
    "storage.k8s.io-volumeattachments/sweep-create": "defaults inside of volumes that have no object",
    "custom/rules/shape-2": compiled, "custom/rules/shape-4": compiled, "custom/rules/shape-5": compiled,
    "custom/rules/shape-6": compiled, "custom/rules/scope-1": compiled, "custom/rules/scope-2": compiled,
    "custom/rules/scope-5": compiled, "custom/rules/cost-1": compiled, "custom/rules/cost-3": compiled,
    "custom/structural/root-4": held, "custom/structural/defaults-2": held, "custom/structural/defaults-3": held,
    "custom/structural/defaults-4": held,
    "apps-controllerrevisions/delete": "what upstream complains of twice",
    "apps-controllerrevisions/sweep-create": emptied, "apps-controllerrevisions/sweep-replace": emptied,
    "apps-controllerrevisions/data-bytes": "a decoder that keeps the white space of raw JSON",
    "apps-daemonsets/list": hidden, "apps-daemonsets/table": hidden,
    "apps-daemonsets/selectors": hidden, "apps-daemonsets/watch": hidden,
    "apps-daemonsets/sweep-strategic": emptied, "apps-deployments/sweep-strategic": emptied,
    "apps-statefulsets/sweep-strategic": emptied,
    "apps-deployments/scale": "scales", "apps-deployments/scale-apply": "scales",
    "apps-replicasets/scale": "scales", "apps-replicasets/scale-apply": "scales",
    "apps-statefulsets/scale": "scales", "apps-statefulsets/scale-apply": "scales",
  ]

  private static let compiled = "rules of definitions that are compiled and priced"
  private static let held = "defaults that are held against their schema"
  private static let accountTokens = "tokens of service accounts"
  private static let hidden = "an annotation that answers show and metadata alone does not"
  private static let emptied = "a decoder that tells a map which is empty from one which is absent"

  /// Does a row of a sweep expect that an expression of a policy or webhook is refused? Nobody compiles them yet.
  public static func awaitsExpressions(_ row: JSONValue) -> Bool {
    let text = PythonJSON.text(row)
    return ["compilation failed: ", "must evaluate to "].contains { text.contains($0) }
  }

  /// Does a conversation need what is not there yet? For those who can't leave out single rows.
  public static func isAwaiting(_ conversation: Conversation) -> Bool {
    awaiting[conversation.name] != nil
      || conversation.steps.contains { ($0["sweep"]?["table"]?.array ?? []).contains(where: awaitsExpressions) }
  }
}
