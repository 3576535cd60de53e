import Foundation

/// Certificates that `openssl` makes, in files of one folder: an authority, and what it signs.
public struct Certificates: Sendable {
  public let folder: TemporaryFolder

  /// Makes the authority, `ca.crt` and `ca.key`.
  public init(authority: String = "test-ca") async throws {
    folder = try TemporaryFolder()
    try await openssl(
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
      "/CN=\(authority)", "-keyout", file("ca.key"), "-out", file("ca.crt"))
  }

  public func file(_ name: String) -> String { folder.file(name) }

  public var authority: String { file("ca.crt") }

  /// Makes `NAME.crt` and `NAME.key`, signed by the authority. `subject` as `/O=a/CN=b`; `alternativeNames` as
  /// `DNS:a,IP:b`; `days` may be negative for what has expired.
  public func issue(
    _ name: String, subject: String, alternativeNames: String = "DNS:localhost,IP:127.0.0.1", days: Int = 30
  ) async throws {
    try await openssl(
      "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout",
      file("\(name).key.new"), "-out", file("\(name).csr"))
    let extensions = file("\(name).ext")
    try "subjectAltName=\(alternativeNames)\n".write(toFile: extensions, atomically: true, encoding: .utf8)
    try await openssl(
      "x509", "-req", "-in", file("\(name).csr"), "-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial",
      "-days", String(days), "-extfile", extensions,
      "-out", file("\(name).crt.new"))
    // Renamed into place, as whoever rotates certificates should.
    for suffix in ["key", "crt"] { rename(file("\(name).\(suffix).new"), file("\(name).\(suffix)")) }
  }

  /// What signs one certificate.
  public struct Signer: Sendable {
    /// `NAME.crt` and `NAME.key` of it.
    public var name = "ca"
    /// The certificate is an authority itself.
    public var makesAuthority = false
    /// Of the certificate, from now on.
    public var seconds = 3_600
    public init(
      name: String = "ca", makesAuthority: Bool = false,
      seconds: Int = 3_600
    ) { (self.name, self.makesAuthority, self.seconds) = (name, makesAuthority, seconds) }
  }

  /// As `issue`, but signed by another than the authority, or good for seconds only. (`openssl x509` knows whole days.)
  public func issue(_ name: String, subject: String, by signer: Signer) async throws {
    try await openssl(
      "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
      "-keyout", file("\(name).key"), "-out", file("\(name).csr"))
    try "".write(toFile: file("\(name).index"), atomically: true, encoding: .utf8)
    let settings = """
      [ca]
      default_ca = own
      [own]
      database = \(file("\(name).index"))
      new_certs_dir = \(folder.path)
      default_md = sha256
      rand_serial = yes
      policy = any
      [any]
      commonName = supplied
      organizationName = optional
      [more]
      basicConstraints = critical,CA:\(signer.makesAuthority ? "TRUE" : "FALSE")
      """
    try settings.write(toFile: file("\(name).cnf"), atomically: true, encoding: .utf8)
    func time(_ seconds: Int) -> String {
      var at = Glibc.time(nil) + seconds
      var parts = tm()
      gmtime_r(&at, &parts)
      var text = [CChar](repeating: 0, count: 32)
      strftime(&text, text.count, "%Y%m%d%H%M%SZ", &parts)
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    try await openssl(
      "ca", "-batch", "-config", file("\(name).cnf"), "-in", file("\(name).csr"), "-out", file("\(name).crt"), "-cert",
      file("\(signer.name).crt"), "-keyfile",
      file("\(signer.name).key"), "-startdate", time(-60), "-enddate", time(signer.seconds), "-extensions", "more",
      "-preserveDN", "-notext")
  }

  private func openssl(_ arguments: String...) async throws {
    let result = try await run([try Tools.system("openssl")] + arguments)
    guard result.status == 0 else { throw SystemFailure(call: "openssl \(arguments[0]): \(result.output)", code: 0) }
  }
}
