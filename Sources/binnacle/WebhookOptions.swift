import AccessWebhooks
import ArgumentParser
import ByteBuffers
import JSON
import Schema

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

  static let flagNames: Set<String> = [
    "authentication-token-webhook-config-file", "authentication-token-webhook-version", "authentication-token-webhook-cache-ttl", "authorization-webhook-config-file",
    "authorization-webhook-version", "authorization-webhook-cache-authorized-ttl", "authorization-webhook-cache-unauthorized-ttl",
  ]

  /// nil where no webhook is named.
  func authenticator() throws -> WebhookAuthenticator? {
    guard !authenticationTokenWebhookConfigFile.isEmpty else { return nil }
    return WebhookAuthenticator(
      try Self.connection("--authentication-token-webhook-config-file", authenticationTokenWebhookConfigFile), version: authenticationTokenWebhookVersion,
      life: authenticationTokenWebhookCacheTtl.duration)
  }

  func authorizer() throws -> WebhookAuthorizer {
    guard !authorizationWebhookConfigFile.isEmpty else { throw StartFailure("--authorization-mode Webhook needs --authorization-webhook-config-file") }
    return WebhookAuthorizer(
      try Self.connection("--authorization-webhook-config-file", authorizationWebhookConfigFile), version: authorizationWebhookVersion,
      authorizedLife: authorizationWebhookCacheAuthorizedTtl.duration, unauthorizedLife: authorizationWebhookCacheUnauthorizedTtl.duration)
  }

  /// Reads a kubeconfig file. Throws `StartFailure`.
  static func connection(_ flag: String, _ path: String) throws -> WebhookConnection {
    let text = try TextFile.contents(of: path, flag: flag)
    do {
      return try WebhookConnection(kubeconfig: try TextFile.tree(yaml: text).tree, folder: path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) : ".")
    } catch { throw StartFailure("\(flag): \(path): \(error)") }
  }
}

extension WebhookAuthorizer.Version: ExpressibleByArgument {}
