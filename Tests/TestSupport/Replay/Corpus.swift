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
    "access/serviceaccounts/bound-node": taints, "access/serviceaccounts/bound-pod-node": taints,
    "custom/rules/shape-2": compiled, "custom/rules/shape-4": compiled, "custom/rules/shape-5": compiled,
    "custom/rules/shape-6": compiled, "custom/rules/scope-1": compiled, "custom/rules/scope-2": compiled,
    "custom/rules/scope-5": compiled, "custom/rules/cost-1": compiled, "custom/rules/cost-3": compiled,
    "custom/structural/root-4": embedded, "custom/structural/defaults-3": embedded,
    "custom/update/transitions-0": compiled, "custom/update/ratcheting-0": compiled, "custom/update/cost": compiled,
    "custom/values/rules-2": compiled, "custom/values/rules-3": compiled,
    "custom/values/pruning-1": embedded, "custom/values/strict-1": embedded, "custom/values/warn-1": embedded,
    "custom/values/lists-1": "a replayer that finds 1.0 the same as 1, as the one over HTTP does",
    "custom/talk/versions": "what upstream refuses to apply in a version without a scale",
  ]

  private static let compiled = "rules of definitions that are compiled and priced"
  private static let embedded = "metadata of objects inside of objects"
  private static let taints = "the admission plug-in TaintNodesByCondition"

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
