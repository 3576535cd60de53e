import Access
import AccessJWT
import ArgumentParser
import Logging

/// Flags of one issuer of tokens, under kube-apiserver's names; more than one takes an AuthenticationConfiguration
/// file.
struct OIDCOptions: ParsableArguments {
  @Option(help: "URL of an OpenID Connect issuer whose tokens are believed; https.")
  var oidcIssuerUrl = ""

  @Option(help: "Whom its tokens must be for.")
  var oidcClientId = ""

  @Option(help: "Claim that is the user's name.")
  var oidcUsernameClaim = "sub"

  @Option(
    help:
      "What is put before the user's name. Default: the issuer's URL and #, unless the claim is email; - for nothing.")
  var oidcUsernamePrefix = ""

  @Option(help: "Claim that is the user's groups: a string, or a list of them.")
  var oidcGroupsClaim = ""

  @Option(help: "What is put before the names of groups.")
  var oidcGroupsPrefix = ""

  @Option(parsing: .unconditionalSingleValue, help: "Claim that a token must have, as key=value. May be repeated.")
  var oidcRequiredClaim: [String] = []

  @Option(help: "Authorities that have signed the issuer's certificate, PEM. Default: those that the system trusts.")
  var oidcCaFile = ""

  @Option(help: "Comma-separated algorithms that its tokens may be signed by.")
  var oidcSigningAlgs = ["RS256"]

  /// The issuer and its algorithms; nil where there is none. Throws `StartFailure` with the flag to change.
  func issuer() throws -> (JWTIssuer, [SigningAlgorithm])? {
    guard !oidcIssuerUrl.isEmpty else {
      let others =
        [oidcClientId, oidcUsernamePrefix, oidcGroupsClaim, oidcGroupsPrefix, oidcCaFile] + oidcRequiredClaim
      if others.contains(where: { !$0.isEmpty }) {
        throw StartFailure(
          "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set: name --oidc-issuer-url"
        )
      }
      return nil
    }
    if oidcClientId.isEmpty {
      throw StartFailure("--oidc-issuer-url needs --oidc-client-id: whom its tokens must be for")
    }
    guard oidcIssuerUrl.hasPrefix("https://") else {
      throw StartFailure("--oidc-issuer-url: \(oidcIssuerUrl): URL scheme must be https")
    }
    if oidcUsernameClaim.isEmpty { throw StartFailure("--oidc-username-claim can't be empty") }
    let prefix =
      oidcUsernamePrefix == "-"
      ? "" : !oidcUsernamePrefix.isEmpty ? oidcUsernamePrefix : oidcUsernameClaim == "email" ? "" : "\(oidcIssuerUrl)#"
    var issuer = JWTIssuer(
      url: oidcIssuerUrl, audiences: [oidcClientId], username: .claim(oidcUsernameClaim, prefix: prefix))
    if !oidcGroupsClaim.isEmpty { issuer.groups = .claim(oidcGroupsClaim, prefix: oidcGroupsPrefix) }
    if !oidcCaFile.isEmpty {
      issuer.certificateAuthority = String(
        decoding: try TextFile.contents(of: oidcCaFile, flag: "--oidc-ca-file"), as: UTF8.self)
    }
    for claim in oidcRequiredClaim.flatMap({ $0.split(separator: ",") }) {
      guard let equals = claim.firstIndex(of: "="), equals > claim.startIndex else {
        throw StartFailure("--oidc-required-claim: \(claim) is not key=value")
      }
      issuer.requiredClaims[String(claim[..<equals])] = String(claim[claim.index(after: equals)...])
    }
    let names = oidcSigningAlgs.ofList
    let algorithms = try (names.isEmpty ? ["RS256"] : names).map { name in
      guard let algorithm = SigningAlgorithm(rawValue: name) else {
        throw StartFailure(
          "--oidc-signing-algs: \(name) is not served; there are \(SigningAlgorithm.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      return algorithm
    }
    return (issuer, algorithms)
  }
}
