import ByteBuffers
import Glibc
import HTTPServer

/// The HTTPS side of the settings.
struct SecureServing {
  let address: String
  let port: Int
  let tls: TLSConfiguration
  /// Where a certificate is made at a first start; nil when files are named.
  let certificateFolder: CertificateFolder?

  /// Where clients of this machine find it.
  var url: String {
    "https://\(HostPort.text(CertificateFolder.isWildcard(address) ? "127.0.0.1" : address, port))"
  }

  /// Makes the certificate if there is none, and reads all files.
  func credentials() throws -> TLSCredentials {
    try certificateFolder?.prepare(for: self)
    var tls = tls
    // Without other authorities, the one that was made here vouches for the administrator in its kubeconfig.
    if tls.clientCAFile == nil, let folder = certificateFolder, folder.hasAuthority {
      tls.clientCAFile = folder.authorityFile
    }
    do throws(TLSError) {
      return try TLSCredentials(tls)
    } catch {
      throw StartFailure(message(error))
    }
  }

  /// Reads what is there already and looks whether the rest can be made. Throws a `StartFailure`.
  func check() throws {
    guard let folder = certificateFolder, try folder.isEmpty() else {
      _ = try credentials()
      return
    }
    if let problem = TextFile.problemMaking(folder: folder.path) {
      throw StartFailure("--cert-dir: can't make \(folder.path): \(problem)")
    }
    do throws(TLSError) { try TLSCredentials.checkAllButTheFirst(tls) } catch { throw StartFailure(message(error)) }
  }

  /// An error of credentials with the flag that named the file.
  func message(_ error: TLSError) -> String {
    guard case .file(let role, let path, let reason) = error else { return "TLS: \(error)" }
    let flag =
      switch role {
      case .certificate where certificateFolder != nil, .privateKey where certificateFolder != nil,
        .clientCA where tls.clientCAFile == nil:
        "--cert-dir"
      case .certificate: "--tls-cert-file"
      case .privateKey: "--tls-private-key-file"
      case .sniCertificate, .sniPrivateKey: "--tls-sni-cert-key"
      case .clientCA: "--client-ca-file"
      case .proxyCA: "--requestheader-client-ca-file"
      }
    return "\(flag): can't use \(path): \(reason)"
  }
}

extension ServeOptions {
  /// Where HTTPS is served; nil when it is off. Throws `StartFailure` with the flag to change.
  func secureServing() throws -> SecureServing? {
    let namesFile =
      !tlsCertFile.isEmpty || !tlsPrivateKeyFile.isEmpty || !tlsSNICertKey.isEmpty || !clientCAFile.isEmpty
    // Whoever names the plain port alone has chosen plain HTTP.
    let port = securePort ?? (insecurePort != nil && !namesFile ? 0 : 6443)
    guard (0...65_535).contains(port) else {
      throw StartFailure("--secure-port: \(port) is not a port between 1 and 65535, or 0 to turn HTTPS off")
    }
    if port == 0 && namesFile {
      throw StartFailure("--secure-port 0 turns HTTPS off, and TLS files are named: leave one of them out")
    }
    guard tlsCertFile.isEmpty == tlsPrivateKeyFile.isEmpty else {
      throw StartFailure(
        "--tls-cert-file and --tls-private-key-file need each other: name both, or neither for a self-signed certificate"
      )
    }
    let folder = tlsCertFile.isEmpty ? CertificateFolder(path: certDir.isEmpty ? "\(dataDir)/certs" : certDir) : nil
    var tls = TLSConfiguration(
      keyPair: folder.map { TLSConfiguration.KeyPair(certFile: $0.certFile, keyFile: $0.keyFile) }
        ?? TLSConfiguration.KeyPair(certFile: tlsCertFile, keyFile: tlsPrivateKeyFile))
    tls.sniKeyPairs = try tlsSNICertKey.map(Self.sniKeyPair)
    tls.clientCAFile = clientCAFile.isEmpty ? nil : clientCAFile
    tls.proxyCAFile = requestHeader.requestheaderClientCAFile.isEmpty ? nil : requestHeader.requestheaderClientCAFile
    if !tlsMinVersion.isEmpty {
      guard let version = TLSVersion(rawValue: tlsMinVersion) else {
        throw StartFailure(
          "--tls-min-version: \"\(tlsMinVersion)\" is not one of \(TLSVersion.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      tls.minVersion = version
    }
    if !tlsCipherSuites.ofList.isEmpty {
      tls.cipherSuites = try tlsCipherSuites.ofList.map { name in
        guard let suite = TLSCipherSuite(name: name) else {
          throw StartFailure(
            "--tls-cipher-suites: Cipher suite \(name) not supported or doesn't exist; choose from \(TLSCipherSuite.allNames.joined(separator: ", "))"
          )
        }
        return suite
      }
    }
    // What is wrong is wrong without HTTPS too.
    if port == 0 { return nil }
    return SecureServing(address: bindAddress, port: port, tls: tls, certificateFolder: folder)
  }

  /// `cert,key` or `cert,key:name,name`, as kube-apiserver reads it.
  private static func sniKeyPair(_ text: String) throws -> TLSConfiguration.KeyPair {
    let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let files = halves[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let names =
      halves.count > 1 ? halves[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init) : []
    guard files.count == 2, !files.contains(""), !names.contains("") else {
      throw StartFailure(
        "--tls-sni-cert-key: \"\(text)\" is not certificate,key or certificate,key:name,…, such as foo.crt,foo.key:*.foo.com,foo.com"
      )
    }
    return TLSConfiguration.KeyPair(certFile: files[0], keyFile: files[1], names: names)
  }
}
