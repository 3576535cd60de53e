/// What a TLS listener presents and asks for, as files and names; `TLSCredentials` reads them.
public struct TLSConfiguration: Sendable {
  /// A certificate chain and its private key, both PEM.
  public struct KeyPair: Sendable, Equatable {
    public var certFile: String
    public var keyFile: String
    /// Server names (SNI) to present it for: names, `*.` names or addresses. Empty: the names in the certificate.
    public var names: [String]
    public init(certFile: String, keyFile: String, names: [String] = []) {
      self.certFile = certFile
      self.keyFile = keyFile
      self.names = names
    }
  }

  /// Presented when no other fits.
  public var keyPair: KeyPair
  /// Presented by server name; where two fit equally well, the first.
  public var sniKeyPairs: [KeyPair] = []
  /// PEM bundle of the authorities that client certificates are verified against; nil asks clients for none.
  public var clientCAFile: String?
  /// PEM bundle of the authorities that vouch for proxies in front of the server; nil for none.
  public var proxyCAFile: String?
  public var minVersion = TLSVersion.tls12
  /// Suites for TLS 1.2 in order of preference; nil for the default. TLS 1.3 has its own, which can't be chosen (as in
  /// Go).
  public var cipherSuites: [TLSCipherSuite]?

  public init(keyPair: KeyPair) { self.keyPair = keyPair }

  /// Every file that is read, in order of reading.
  var files: [String] {
    ([keyPair] + sniKeyPairs).flatMap { [$0.certFile, $0.keyFile] } + [clientCAFile, proxyCAFile].compactMap { $0 }
  }
}

/// Protocol versions, under the names of kube-apiserver's `--tls-min-version`.
public enum TLSVersion: String, Sendable, CaseIterable {
  case tls12 = "VersionTLS12"
  case tls13 = "VersionTLS13"
}

/// TLS 1.2 suites under Go's (IANA's) names, which `--tls-cipher-suites` uses.
public struct TLSCipherSuite: Sendable, Equatable {
  /// Go's name.
  public let name: String
  let openSSLName: String

  /// The suite called `name`; nil if it is unknown or no longer served.
  public init?(name: String) {
    guard let openSSLName = Self.names.first(where: { $0.0 == name })?.1 else { return nil }
    self.name = name
    self.openSSLName = openSSLName
  }

  /// All that can be chosen. Those of TLS 1.3 are accepted and are always on, as in Go; what Go calls insecure (RC4,
  /// 3DES, RSA key exchange) is not served.
  public static var allNames: [String] { names.map(\.0) }

  private static let names: [(String, String)] = [
    ("TLS_AES_128_GCM_SHA256", ""),
    ("TLS_AES_256_GCM_SHA384", ""),
    ("TLS_CHACHA20_POLY1305_SHA256", ""),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"),
  ]

  /// Forward secret and authenticated; HTTP/2 forbids the others (RFC 9113 section 9.2.2).
  static let preferred =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    + ":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
  /// The same of TLS 1.3, which no flag chooses from; in the order of Go's crypto/tls, and so of kube-apiserver.
  static let preferredOfTLS13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
}
