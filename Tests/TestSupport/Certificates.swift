import Foundation

/// Certificates that `openssl` makes, in files of one folder: an authority, and what it signs.
public struct Certificates: Sendable {
  public let folder: TemporaryFolder

  /// Makes the authority, `ca.crt` and `ca.key`.
  public init(authority: String = "test-ca") async throws {
    folder = try TemporaryFolder()
    try await openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=\(authority)", "-keyout", file("ca.key"), "-out", file("ca.crt"))
  }

  public func file(_ name: String) -> String { folder.file(name) }

  public var authority: String { file("ca.crt") }

  /// Makes `NAME.crt` and `NAME.key`, signed by the authority. `subject` as `/O=a/CN=b`; `alternativeNames` as `DNS:a,IP:b`; `days` may be negative for what has expired.
  public func issue(_ name: String, subject: String, alternativeNames: String = "DNS:localhost,IP:127.0.0.1", days: Int = 30) async throws {
    try await openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", file("\(name).key.new"), "-out", file("\(name).csr"))
    let extensions = file("\(name).ext")
    try "subjectAltName=\(alternativeNames)\n".write(toFile: extensions, atomically: true, encoding: .utf8)
    try await openssl(
      "x509", "-req", "-in", file("\(name).csr"), "-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", String(days), "-extfile", extensions,
      "-out", file("\(name).crt.new"))
    // Renamed into place, as whoever rotates certificates should.
    for suffix in ["key", "crt"] { rename(file("\(name).\(suffix).new"), file("\(name).\(suffix)")) }
  }

  private func openssl(_ arguments: String...) async throws {
    let result = try await run([try Tools.system("openssl")] + arguments)
    guard result.status == 0 else { throw SystemFailure(call: "openssl \(arguments[0]): \(result.output)", code: 0) }
  }
}
