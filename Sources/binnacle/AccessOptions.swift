import APIServer
import Access
import AccessJWT
import AccessRBAC
import ArgumentParser

/// Flags that say who may come in over HTTPS and what they may do, under kube-apiserver's names.
struct AccessOptions: ParsableArguments {
  @Option(
    help:
      "Let in requests over HTTPS that bring no credentials, as system:anonymous. Default: true, unless --authentication-config says something of it."
  )
  var anonymousAuth: Bool?

  @Option(
    help:
      "AuthenticationConfiguration file: whose signed tokens are believed, and on which paths requests without credentials are let in. Read again when it changes."
  )
  var authenticationConfig = ""

  @Option(help: "Tokens and their users, CSV: token,name,uid[,\"group,…\"].")
  var tokenAuthFile = ""

  @Option(
    help:
      "Comma-separated list, in order, of AlwaysAllow, AlwaysDeny, ABAC, Node, RBAC and Webhook: who says what a request over HTTPS may do."
  )
  var authorizationMode = ["AlwaysAllow"]

  @Option(help: "Policies for --authorization-mode=ABAC, one JSON object a line.")
  var authorizationPolicyFile = ""

  @Option(
    help:
      "Comma-separated paths that everyone may read whatever the authorizers say, such as /livez,/readyz; a path ending in * stands for all that begin so."
  )
  var authorizationAlwaysAllowPaths: [String] = []

  @Option(
    help:
      "Comma-separated admission plug-ins to do without. Of kube-apiserver's, NamespaceLifecycle, NodeRestriction, CertificateApproval, CertificateSigning and CertificateSubjectRestriction are built, and on."
  )
  var disableAdmissionPlugins: [String] = []

  @Option(help: "Comma-separated admission plug-ins to have; one that is not built is refused.")
  var enableAdmissionPlugins: [String] = []

  @Option(help: .hidden)
  var admissionControl: [String] = []

  /// What the flags come to.
  struct Made {
    let control: AccessControl
    /// Who holds which roles, to be kept by who knows them; nil where everybody may do everything.
    let roles: RoleIndex?
    /// The admission plug-ins that are on.
    let admission: AdmissionPlugins
    /// Where requests without credentials are let in.
    let anonymous: AnonymousAccess
    /// What the AuthenticationConfiguration file says; nil without one.
    let structured: StructuredAuthentication?
    let tokenMetrics: JWTMetrics
  }

  /// Must somebody who comes from elsewhere say who they are, or be allowed what they ask, before they get anything?
  func asksSomething(_ anonymous: AnonymousAccess) -> Bool {
    anonymous != .everywhere || !authorizationMode.contains("AlwaysAllow")
  }

  /// Reads the files. Throws `StartFailure` with the flag to change.
  func control(
    _ requestHeader: RequestHeaderOptions, _ webhooks: WebhookOptions, _ oidc: OIDCOptions,
    _ serviceAccounts: ServiceAccountAuthenticator
  ) throws -> Made {
    let tokenMetrics = JWTMetrics()
    let proxied = try requestHeader.names()
    var before: [any Authenticator] =
      (proxied.map { [RequestHeaderAuthenticator($0)] } ?? []) + [CertificateAuthenticator()]
    if !tokenAuthFile.isEmpty {
      do { before.append(try TokenFile(csv: try text(tokenAuthFile, "--token-auth-file"))) } catch let error
        as TokenFile.Malformed
      {
        throw StartFailure("--token-auth-file: \(tokenAuthFile): \(error)")
      }
    }
    before.append(serviceAccounts)
    if let (issuer, algorithms) = try oidc.issuer() {
      if !authenticationConfig.isEmpty {
        throw StartFailure(
          "authentication-config file and oidc-* flags are mutually exclusive: leave out one of --authentication-config and --oidc-issuer-url"
        )
      }
      do {
        before.append(
          try JWTAuthenticator(
            issuer, algorithms: algorithms, metrics: tokenMetrics, report: StructuredAuthentication.report))
      } catch { throw StartFailure("--oidc-issuer-url: \(issuer.url): \(error)") }
    }
    let after = try webhooks.authenticator().map { [$0 as any Authenticator] } ?? []
    let structured =
      authenticationConfig.isEmpty
      ? nil
      : try StructuredAuthentication(
        .init(path: authenticationConfig, before: before, after: after, anonymous: anonymousAuth, metrics: tokenMetrics)
      )
    let anonymous = structured?.anonymous ?? (anonymousAuth == false ? .denied : .everywhere)
    let admission = try AdmissionPlugins(
      enabled: enableAdmissionPlugins, disabled: disableAdmissionPlugins, only: admissionControl)
    let roles = authorizationMode == ["AlwaysAllow"] ? nil : RoleIndex()
    let control = AccessControl(
      authenticator: structured?.chain ?? AuthenticatorChain(before + after, anonymous: anonymous),
      authorizer: try authorizer(webhooks, roles), headers: proxied?.all ?? [])
    return Made(
      control: control, roles: roles, admission: admission, anonymous: anonymous, structured: structured,
      tokenMetrics: tokenMetrics)
  }

  /// `roles`: nil where AlwaysAllow is the only mode.
  private func authorizer(_ webhooks: WebhookOptions, _ roles: RoleIndex?) throws -> any Authorizer {
    var authorizers: [any Authorizer] = []
    let open = authorizationAlwaysAllowPaths.filter { !$0.isEmpty }
    if !open.isEmpty { authorizers.append(AllowedPaths(open)) }
    var seen: Set<String> = []
    for mode in authorizationMode {
      guard seen.insert(mode).inserted else { throw StartFailure("--authorization-mode: \(mode) is named twice") }
      switch mode {
      case "AlwaysAllow": authorizers.append(AlwaysAllow())
      case "AlwaysDeny": authorizers.append(AlwaysDeny())
      case "Node": authorizers.append(NodeAuthorizer())
      case "ABAC":
        if authorizationPolicyFile.isEmpty {
          throw StartFailure("--authorization-mode ABAC needs --authorization-policy-file")
        }
        do {
          authorizers.append(try ABACPolicy(lines: try text(authorizationPolicyFile, "--authorization-policy-file")))
        } catch let error as ABACPolicy.Malformed {
          throw StartFailure("--authorization-policy-file: \(authorizationPolicyFile): \(error)")
        }
      case "Webhook": authorizers.append(try webhooks.authorizer())
      case "RBAC": authorizers.append(RBACAuthorizer(roles ?? RoleIndex()))
      default:
        throw StartFailure(
          "--authorization-mode: unknown mode \"\(mode)\"; choose from AlwaysAllow, AlwaysDeny, ABAC, Node, RBAC, Webhook"
        )
      }
    }
    if !authorizationPolicyFile.isEmpty && !seen.contains("ABAC") {
      throw StartFailure(
        "--authorization-policy-file is of no use without --authorization-mode ABAC: leave it out, or add the mode")
    }
    if !webhooks.authorizationWebhookConfigFile.isEmpty && !seen.contains("Webhook") {
      throw StartFailure(
        "--authorization-webhook-config-file is of no use without --authorization-mode Webhook: leave it out, or add the mode"
      )
    }
    return AuthorizerChain(authorizers)
  }

  private func text(_ path: String, _ flag: String) throws -> String {
    String(decoding: try TextFile.contents(of: path, flag: flag), as: UTF8.self)
  }
}
