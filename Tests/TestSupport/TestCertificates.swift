import Foundation

/// A certificate authority of a test's own, made by the openssl program, and certificates that it signs.
public struct TestCertificates: Sendable {
  /// A certificate with its key, as PEM files.
  public struct Pair: Sendable {
    public let certificate: String
    public let key: String
    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }
  private let folder: TemporaryFolder
  /// The authority's certificate.
  public var ca: String { folder.file("ca.pem") }
  /// For a server on 127.0.0.1 and localhost. etcd's gateway is a client of its own server, so it may be used for both.
  public let server: Pair
  public let client: Pair

  public init() async throws {
    folder = try TemporaryFolder()
    try await Self.openssl(
      ["req", "-x509"] + Self.newKey + [
        "-keyout", folder.file("ca.key"), "-out", folder.file("ca.pem"), "-subj", "/CN=test authority", "-days", "2",
      ])
    server = try await Self.pair("server", in: folder, names: "IP:127.0.0.1,DNS:localhost")
    client = try await Self.pair("client", in: folder, names: "DNS:client")
  }

  /// Another certificate of the authority, for `names` in openssl's form (`DNS:a,IP:10.0.0.1`); one with negative
  /// `days` has expired.
  public func pair(_ name: String, names: String, days: Int = 2) async throws -> Pair {
    try await Self.pair(name, in: folder, names: names, days: days)
  }

  private static func pair(
    _ name: String, in folder: TemporaryFolder, names: String, days: Int = 2
  ) async throws -> Pair {
    let (certificate, key, request, extensions) = (
      folder.file("\(name).pem"), folder.file("\(name).key"), folder.file("\(name).csr"), folder.file("\(name).ext")
    )
    try "subjectAltName=\(names)\nextendedKeyUsage=serverAuth,clientAuth\n".write(
      toFile: extensions, atomically: true, encoding: .utf8)
    try await openssl(["req"] + newKey + ["-keyout", key, "-out", request, "-subj", "/CN=\(name)"])
    try await openssl([
      "x509", "-req", "-in", request, "-CA", folder.file("ca.pem"), "-CAkey", folder.file("ca.key"), "-CAcreateserial",
      "-days", String(days), "-extfile", extensions,
      "-out", certificate,
    ])
    return Pair(certificate: certificate, key: key)
  }

  private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

  private static func openssl(_ arguments: [String]) async throws {
    let result = try await run(["openssl"] + arguments)
    guard result.status == 0 else {
      throw Failed(description: "openssl \(arguments.joined(separator: " ")): \(result.output)")
    }
  }

  struct Failed: Error, CustomStringConvertible { let description: String }
}
