import ByteBuffers
import Glibc
import HTTPServer
import JSON

/// `--cert-dir`: certificates that the daemon has made for itself, the server's under kube-apiserver's names, and a
/// kubeconfig that trusts them.
struct CertificateFolder {
  let path: String

  var certFile: String { "\(path)/apiserver.crt" }
  var keyFile: String { "\(path)/apiserver.key" }
  /// The authority that signed both the server's certificate and the administrator's.
  var authorityFile: String { "\(path)/ca.crt" }
  var adminCertFile: String { "\(path)/admin.crt" }
  var adminKeyFile: String { "\(path)/admin.key" }
  var kubeconfigFile: String { "\(path)/kubeconfig" }

  /// Was the authority made here? A pair may also come from elsewhere.
  var hasAuthority: Bool { access(authorityFile, F_OK) == 0 }

  /// Are certificate and key still to be made? Throws a `StartFailure` where one of them is there without the other.
  func isEmpty() throws -> Bool {
    let present = [certFile, keyFile].filter { (file: String) in access(file, F_OK) == 0 }
    if present.count == 2 { return false }
    if let one = present.first {
      throw StartFailure(
        "--cert-dir: \(path) holds \(one) alone: restore what belongs to it, or remove it to have both made anew")
    }
    return true
  }

  /// Makes everything where there is no certificate.
  func prepare(for serving: SecureServing) throws {
    guard try isEmpty() else { return }
    try TextFile.makeFolders(above: certFile, flag: "--cert-dir")
    let files: [(path: String, bytes: [UInt8], mode: mode_t)]
    do throws(TLSError) {
      let hosts = Self.hosts(serving.address)
      let authority = try SelfSignedAuthority(commonName: "binnacle-ca@\(time(nil))")
      let server = try authority.issueServer(hosts: hosts)
      let admin = try authority.issueClient(user: "kubernetes-admin", group: "system:masters")
      files = [
        (authorityFile, authority.certificate, 0o644), (adminKeyFile, admin.privateKey, 0o600),
        (adminCertFile, admin.certificate, 0o644),
        (keyFile, server.privateKey, 0o600), (certFile, server.certificate + authority.certificate, 0o644),
      ]
    } catch {
      throw StartFailure("--cert-dir: \(error)")
    }
    // The server's certificate last: a start that breaks off before is made up for by the next.
    for file in files { try TextFile.write(file.bytes, to: file.path, mode: file.mode, flag: "--cert-dir") }
    try TextFile.write(
      Array(try kubeconfig(server: serving.url).text.utf8), to: kubeconfigFile, mode: 0o600, flag: "--cert-dir")
  }

  /// How clients reach and trust the server, as its administrator.
  func kubeconfig(server: String) throws -> Kubeconfig {
    func contents(_ file: String) throws -> [UInt8] { try TextFile.contents(of: file, flag: "--cert-dir") }
    guard hasAuthority else { return Kubeconfig(server: server, authorities: try contents(certFile), client: nil) }
    return Kubeconfig(
      server: server, authorities: try contents(authorityFile),
      client: (try contents(adminCertFile), try contents(adminKeyFile)))
  }

  static func isWildcard(_ address: String) -> Bool { ["0.0.0.0", "::", "[::]", ""].contains(address) }

  /// Names by which clients may call a server that listens on `address`.
  private static func hosts(_ address: String) -> [String] {
    var hosts = ["localhost", "127.0.0.1", "::1"]
    var name = [CChar](repeating: 0, count: 256)
    if gethostname(&name, name.count - 1) == 0 {
      hosts.append(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    if !isWildcard(address) { hosts.append(HostPort.bare(address)) }
    return hosts.reduce(into: []) { if SelfSignedAuthority.isHost($1) && !$0.contains($1) { $0.append($1) } }
  }
}

/// What kubectl needs to find and trust the server.
struct Kubeconfig {
  let server: String
  /// PEM; nil for plain HTTP.
  let authorities: [UInt8]?
  /// PEM of the user's certificate and key.
  let client: (certificate: [UInt8], privateKey: [UInt8])?

  var text: String {
    let trust = authorities.map { "\n    certificate-authority-data: \(Base64.text($0))" } ?? ""
    // Over HTTPS kubectl asks on the terminal for a name if it has nothing to show. Kubernetes takes no passwords, so a
    // bare name is as good as none.
    let user =
      client.map {
        "client-certificate-data: \(Base64.text($0.certificate))\n    client-key-data: \(Base64.text($0.privateKey))"
      } ?? "username: binnacle"
    return """
      apiVersion: v1
      kind: Config
      clusters:
      - name: binnacle
        cluster:
          server: \(server)\(trust)
      contexts:
      - name: binnacle
        context:
          cluster: binnacle
          user: binnacle
      current-context: binnacle
      users:
      - name: binnacle
        user:
          \(user)

      """
  }
}
