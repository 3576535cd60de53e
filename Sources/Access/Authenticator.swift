import Synchronization

/// What an authenticator says of credentials.
public enum AuthenticationVerdict: Sendable {
  case user(UserInfo)
  /// Nothing that it understands.
  case absent
  /// Something that it understands, and that is wrong. The text is for the log; clients hear only 401.
  case invalid(String)
  /// It has to ask somebody first.
  case later(@Sendable () async -> AuthenticationVerdict)
}

/// Says who a request is by. (Kubernetes: `authenticator.Request`.) Called on a reactor: never blocks.
public protocol Authenticator: Sendable {
  func authenticate(_ credentials: Credentials) -> AuthenticationVerdict
  /// Does it say the same of the same credentials, at any time?
  var isSteady: Bool { get }
}

extension Authenticator {
  public var isSteady: Bool { false }
}

/// Authenticators that are asked one after another; the first that knows the user decides. If none does, one that found
/// fault fails the request, so that a bad token does not pass as no token. (Kubernetes: `union.New`,
/// `union.NewFailOnError`, `group.NewAuthenticatedGroupAdder`.)
public final class AuthenticatorChain: Authenticator {
  private struct Links {
    let members: [any Authenticator]
    let anonymous: AnonymousAccess
  }
  private let links: Mutex<Links>
  private let replacements = Atomic<Int>(0)

  public init(_ members: [any Authenticator], anonymous: AnonymousAccess) {
    links = Mutex(Links(members: members, anonymous: anonymous))
  }

  /// Asks others from now on. Requests that are being asked about go on with those that they began with.
  public func replace(_ members: [any Authenticator], anonymous: AnonymousAccess) {
    links.withLock { $0 = Links(members: members, anonymous: anonymous) }
    replacements.add(1, ordering: .releasing)
  }

  /// Another after each `replace`. What was asked for it was read may be remembered as long as it stays the same.
  public var generation: Int { replacements.load(ordering: .acquiring) }

  public func authenticate(_ credentials: Credentials) -> AuthenticationVerdict { identify(credentials).verdict }

  /// As `authenticate`. `isSteady`: a user who will be the same for these credentials as long as the generation is.
  public func identify(_ credentials: Credentials) -> (verdict: AuthenticationVerdict, isSteady: Bool) {
    let links = links.withLock { $0 }
    return Self.ask(links.members[...], links.anonymous, credentials, fault: nil)
  }

  private static func ask(
    _ rest: ArraySlice<any Authenticator>, _ anonymous: AnonymousAccess, _ credentials: Credentials, fault: String?
  ) -> (verdict: AuthenticationVerdict, isSteady: Bool) {
    var fault = fault
    var isSteady = true
    for (place, member) in zip(rest.indices, rest) {
      isSteady = isSteady && member.isSteady
      switch member.authenticate(credentials) {
      case .user(let user): return (.user(user.authenticated), isSteady)
      case .absent: break
      case .invalid(let why): fault = fault ?? why
      case .later(let work):
        let verdict = AuthenticationVerdict.later { [fault] in
          var verdict = await work()
          while case .later(let more) = verdict { verdict = await more() }
          switch verdict {
          case .user(let user): return .user(user.authenticated)
          case .invalid(let why): return ask(rest[(place + 1)...], anonymous, credentials, fault: fault ?? why).verdict
          case .absent, .later: return ask(rest[(place + 1)...], anonymous, credentials, fault: fault).verdict
          }
        }
        return (verdict, false)
      }
    }
    if let fault = fault ?? credentials.fault { return (.invalid(fault), false) }
    // A token that nobody knew is a wrong token.
    if credentials.bearerToken != nil { return (.invalid("invalid bearer token"), false) }
    return (anonymous.isAllowed(on: credentials.path) ? .user(.anonymous) : .absent, false)
  }
}

/// Where requests without credentials are let in as `system:anonymous`. (Kubernetes: `--anonymous-auth`, or the
/// structured configuration's `anonymous`.)
public enum AnonymousAccess: Sendable, Equatable {
  case denied
  case everywhere
  case paths(Set<ByteString>)

  func isAllowed(on path: String) -> Bool {
    switch self {
    case .denied: false
    case .everywhere: true
    case .paths(let paths): paths.contains(path)
    }
  }
}

/// Client certificates: the common name is the user, the organizations are the groups. (Kubernetes:
/// `x509.CommonNameUserConversion`.)
public struct CertificateAuthenticator: Authenticator {
  public init() {}
  public var isSteady: Bool { true }

  public func authenticate(_ credentials: Credentials) -> AuthenticationVerdict {
    guard let certificate = credentials.certificate else {
      return credentials.certificateFault.map { .invalid($0) } ?? .absent
    }
    if certificate.commonName.isEmpty { return .absent }
    if certificate.uids.count > 1 {
      return .invalid("unable to parse UID: expected 1 UID, but found multiple: \(certificate.uids)")
    }
    if certificate.uids.first == "" { return .invalid("unable to parse UID: UID cannot be an empty string") }
    var user = UserInfo(
      name: certificate.commonName, uid: certificate.uids.first ?? "", groups: certificate.organizations)
    if !certificate.fingerprint.isEmpty {
      user.extra = [("authentication.kubernetes.io/credential-id", ["X509SHA256=\(certificate.fingerprint)"])]
    }
    return .user(user)
  }
}

/// Headers by which a proxy in front says who a request is by; believed only from a proxy whose certificate the front
/// proxies' CA has signed. (Kubernetes: `headerrequest.NewDynamicVerifyOptionsSecure`.)
public struct RequestHeaderAuthenticator: Authenticator {
  public struct Names: Sendable {
    /// In small letters, as all here.
    public var user: [String]
    public var uid: [String]
    public var group: [String]
    public var extraPrefixes: [String]
    /// Common names of proxies that are believed; empty for all that the CA has signed.
    public var allowed: [String]
    public init(
      user: [String] = [], uid: [String] = [], group: [String] = [], extraPrefixes: [String] = [],
      allowed: [String] = []
    ) {
      self.user = user.map { $0.lowercased() }
      self.uid = uid.map { $0.lowercased() }
      self.group = group.map { $0.lowercased() }
      self.extraPrefixes = extraPrefixes.map { $0.lowercased() }
      self.allowed = allowed
    }
    /// Every header, or beginning of one, that says something.
    public var all: [String] { user + uid + group + extraPrefixes }
  }

  private let names: Names
  public init(_ names: Names) { self.names = names }
  public var isSteady: Bool { true }

  public func authenticate(_ credentials: Credentials) -> AuthenticationVerdict {
    guard let proxy = credentials.proxyName else { return .absent }
    guard names.allowed.isEmpty || names.allowed.contains(proxy) else {
      return .invalid("x509: subject with cn=\(proxy) is not in the allowed list")
    }
    func first(_ wanted: [String]) -> String? {
      for name in wanted {
        if let found = credentials.headers.first(where: { $0.name == name && !$0.value.isEmpty }) { return found.value }
      }
      return nil
    }
    guard let name = first(names.user) else { return .absent }
    var user = UserInfo(name: name, uid: first(names.uid) ?? "")
    for group in names.group { user.groups += credentials.headers.filter { $0.name == group }.map(\.value) }
    for prefix in names.extraPrefixes {
      for (header, value) in credentials.headers where header.hasPrefix(prefix) {
        let key = ExtraKey.unescape(String(header.dropFirst(prefix.count)))
        if let place = user.extra.firstIndex(where: { $0.key == key }) {
          user.extra[place].values.append(value)
        } else {
          user.extra.append((key, [value]))
        }
      }
    }
    return .user(user)
  }
}

/// The part of a header's name that is a key of `extra`: percent-escaped where it can't stand in a header's name.
enum ExtraKey {
  /// A key that is escaped wrongly is kept as it is. (`headerrequest.unescapeExtraKey`.)
  static func unescape(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.first {
      rest = rest.dropFirst()
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let decoded = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return text
      }
      bytes.append(decoded)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
