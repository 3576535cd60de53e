import JSON
import Registry

extension ResourceDefinition {
  /// Who pods are. (Kubernetes: pkg/registry/core/serviceaccount)
  /// `tokens`: who signs tokens for them; nil where nobody does.
  static func serviceAccounts(tokens: TokenIssuer?) -> ResourceDefinition {
    ResourceDefinition(
      "serviceaccounts", kind: "ServiceAccount", shortNames: ["sa"], scope: .namespaced, folder: "serviceaccounts",
      versions: [.v1],
      main: .main(prepare: { account, _ in ServiceAccountForm.cleanReferences(&account) }),
      subresources: tokens.map {
        [.posted(TokenRequest.subresource, TokenRequest.action($0))]
      } ?? [],
      rules: [.onUpdate(.metadataUpdate), .metadata(.subdomain)],
      deletion: DeletionRule { $0.answersObject = true },
      prepareForCreate: ServiceAccountForm.cleanReferences,
      warnings: ServiceAccountForm.warnings)
  }
}

/// (Kubernetes: `ValidateServiceAccount` looks at metadata alone)
private enum ServiceAccountForm {
  /// Secrets are of the account's own namespace, so their name is all there is to say. (`cleanSecretReferences`)
  static func cleanReferences(_ account: inout JSONValue) {
    guard let secrets = account["secrets"]?.array else { return }
    account["secrets"] = .array(
      secrets.map { secret in secret["name"].map { ["name": $0] } ?? [:] })
  }

  static func warnings(_ account: JSONValue, _ old: JSONValue?) -> [String] {
    let name = "kubernetes.io/enforce-mountable-secrets"
    func isSet(_ account: JSONValue?) -> Bool { account?["metadata"]?["annotations"]?[name] != nil }
    guard isSet(account), !isSet(old) else { return [] }
    let why = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
    return ["metadata.annotations[\(name)]: \(why)"]
  }
}
