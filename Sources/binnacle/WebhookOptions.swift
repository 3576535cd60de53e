import AccessWebhooks
public import ArgumentParser
import ByteBuffers
import ConfigurationFiles
import JSON
import Machinery
import Schema
import Webhooks

/// Flags of the webhooks that say who a request is by and what it may do, under kube-apiserver's names.
struct WebhookOptions: ParsableArguments {
  @Option(help: "Kubeconfig file of a webhook that says whose a bearer token is.")
  var authenticationTokenWebhookConfigFile = ""

  @Option(help: "Version of the TokenReviews that it is sent: v1 or v1beta1.")
  var authenticationTokenWebhookVersion = WebhookAuthorizer.Version.v1beta1

  @Option(help: "How long its answers are remembered.", transform: Seconds.init(parsing:))
  var authenticationTokenWebhookCacheTtl = Seconds(120)

  @Option(help: "Kubeconfig file of the webhook that --authorization-mode=Webhook asks.")
  var authorizationWebhookConfigFile = ""

  @Option(help: "Version of the SubjectAccessReviews that it is sent: v1 or v1beta1.")
  var authorizationWebhookVersion = WebhookAuthorizer.Version.v1beta1

  @Option(help: "How long its yes is remembered.", transform: Seconds.init(parsing:))
  var authorizationWebhookCacheAuthorizedTtl = Seconds(300)

  @Option(help: "How long its no is remembered.", transform: Seconds.init(parsing:))
  var authorizationWebhookCacheUnauthorizedTtl = Seconds(30)

  /// nil where no webhook is named.
  func authenticator() throws -> WebhookAuthenticator? {
    guard !authenticationTokenWebhookConfigFile.isEmpty else { return nil }
    return WebhookAuthenticator(
      try Self.connection("--authentication-token-webhook-config-file", authenticationTokenWebhookConfigFile),
      version: authenticationTokenWebhookVersion,
      life: authenticationTokenWebhookCacheTtl.duration)
  }

  func authorizer() throws -> WebhookAuthorizer {
    guard !authorizationWebhookConfigFile.isEmpty else {
      throw StartFailure("--authorization-mode Webhook needs --authorization-webhook-config-file")
    }
    return WebhookAuthorizer(
      try Self.connection("--authorization-webhook-config-file", authorizationWebhookConfigFile),
      version: authorizationWebhookVersion,
      authorizedLife: authorizationWebhookCacheAuthorizedTtl.duration,
      unauthorizedLife: authorizationWebhookCacheUnauthorizedTtl.duration)
  }

  /// Reads a kubeconfig file. Throws `StartFailure`.
  static func connection(_ flag: String, _ path: String) throws -> WebhookConnection {
    let text = try TextFile.contents(of: path, flag: flag)
    do {
      let (tree, duplicates) = try TextFile.tree(yaml: text)
      if let first = duplicates.first { throw ConfigurationProblem(description: "\(first): leave one of them out") }
      return try WebhookConnection(
        kubeconfig: tree,
        folder: path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) : ".")
    } catch { throw StartFailure("\(flag): \(path): \(error)") }
  }
}

extension WebhookAuthorizer.Version: ExpressibleByArgument {}
