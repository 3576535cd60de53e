import COpenSSL
import Glibc

/// An authority for a first start, which signs what a server and its first client need. Its key is never written down:
/// when the value is gone, nobody can sign in its name again (as kube-apiserver does with what it makes in
/// `--cert-dir`).
public struct SelfSignedAuthority {
  /// A certificate and its key, PEM.
  public struct Issued: Sendable {
    public let certificate: [UInt8]
    public let privateKey: [UInt8]
  }

  /// The authority's certificate, PEM.
  public let certificate: [UInt8]
  private let root: Certificate
  private let key: PrivateKey

  public init(commonName: String) throws(TLSError) {
    key = try Self.makeKey()
    root = try Self.make(
      [(NID_commonName, commonName)], for: key, signedBy: key, issuer: nil,
      extensions: [
        (NID_basic_constraints, "critical,CA:TRUE"),
        (NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign"), (NID_subject_key_identifier, "hash"),
      ])
    certificate = try Self.pem(root.pem)
  }

  /// `hosts`: names and addresses of the server. The first becomes the common name.
  public func issueServer(hosts: [String]) throws(TLSError) -> Issued {
    try issue(
      [(NID_commonName, hosts.first ?? "localhost")], usage: "serverAuth",
      [
        (NID_subject_alt_name, hosts.map { Self.isAddress($0) ? "IP:\($0)" : "DNS:\($0)" }.joined(separator: ","))
      ])
  }

  /// A client whom Kubernetes will call `user`, in one group.
  public func issueClient(user: String, group: String) throws(TLSError) -> Issued {
    try issue([(NID_organizationName, group), (NID_commonName, user)], usage: "clientAuth", [])
  }

  private func issue(
    _ subject: [(id: Int32, value: String)], usage: String, _ more: [(id: Int32, value: String)]
  ) throws(TLSError) -> Issued {
    let own = try Self.makeKey()
    let made = try Self.make(
      subject, for: own, signedBy: key, issuer: root,
      extensions: [
        (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature,keyEncipherment"),
        (NID_ext_key_usage, usage),
      ] + more)
    return Issued(certificate: try Self.pem(made.pem), privateKey: try Self.pem(own.pem))
  }

  private static func pem(_ text: [UInt8]?) throws(TLSError) -> [UInt8] {
    guard let text else { throw .library("PEM: \(OpenSSLErrors.take())") }
    return text
  }

  /// Can `host` stand in a certificate?
  public static func isHost(_ host: String) -> Bool {
    isAddress(host)
      || (!host.isEmpty && host.utf8.count <= 253
        && host.utf8.allSatisfy { byte in
          (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        })
  }

  private static func isAddress(_ host: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1
  }

  private static func makeKey() throws(TLSError) -> PrivateKey {
    guard let handle = copenssl_make_p256_key() else { throw .library("P-256 key: \(OpenSSLErrors.take())") }
    return PrivateKey(adopting: handle)
  }

  /// Nobody renews what nobody asked for, so it lasts ten years (kube-apiserver's: one).
  private static let lifetimeSeconds = 10 * 365 * 86_400

  private static func make(
    _ subject: [(id: Int32, value: String)], for key: PrivateKey, signedBy signer: PrivateKey, issuer: Certificate?,
    extensions: [(id: Int32, value: String)]
  ) throws(TLSError) -> Certificate {
    guard let handle = X509_new() else { throw .library("out of memory") }
    let certificate = Certificate(adopting: handle)
    let name = X509_get_subject_name(handle)
    let issuerName = issuer.map { X509_get_subject_name($0.handle) } ?? name
    // An hour back, for clocks that run behind.
    guard X509_set_version(handle, 2) == 1,
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(handle), UInt64.random(in: 1...UInt64(Int64.max))) == 1,
      X509_gmtime_adj(X509_getm_notBefore(handle), -3_600) != nil,
      X509_gmtime_adj(X509_getm_notAfter(handle), lifetimeSeconds) != nil,
      subject.allSatisfy({
        X509_NAME_add_entry_by_NID(name, $0.id, MBSTRING_FLAG, $0.value, Int32($0.value.utf8.count), -1, 0) == 1
      }),
      X509_set_issuer_name(handle, issuerName) == 1, X509_set_pubkey(handle, key.handle) == 1
    else { throw .library("certificate: \(OpenSSLErrors.take())") }
    var context = X509V3_CTX()
    X509V3_set_ctx(&context, issuer?.handle ?? handle, handle, nil, nil, 0)
    for entry in extensions {
      guard let made = X509V3_EXT_conf_nid(nil, &context, entry.id, entry.value) else {
        throw .library("certificate extension \(entry.value): \(OpenSSLErrors.take())")
      }
      defer { X509_EXTENSION_free(made) }
      guard X509_add_ext(handle, made, -1) == 1 else { throw .library("certificate: \(OpenSSLErrors.take())") }
    }
    guard X509_sign(handle, signer.handle, EVP_sha256()) > 0 else {
      throw .library("signing a certificate: \(OpenSSLErrors.take())")
    }
    return certificate
  }
}
