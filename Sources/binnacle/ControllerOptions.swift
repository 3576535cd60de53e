import ByteBuffers
import Controllers
import HTTPServer
import Storage

extension ServeOptions {
  /// Which controllers run over a storage of this type. Throws `StartFailure`.
  func selectedControllers(_ storage: String) throws -> ControllerSelection {
    // Over etcd a kube-controller-manager may be at work.
    let entries =
      controllers.isEmpty ? [storage == StorageBackend.typeSQLite ? "*" : "-*"] : controllers.ofList
    do { return try ControllerSelection(entries) } catch { throw StartFailure("--controllers: \(error)") }
  }

  /// What `--root-ca-file` holds; nil where it was not given. Throws `StartFailure`.
  func rootCertificates() throws -> String? {
    if rootCAFile.isEmpty { return nil }
    let text = String(decoding: try TextFile.contents(of: rootCAFile, flag: "--root-ca-file"), as: UTF8.self)
    guard text.contains("-----BEGIN CERTIFICATE-----") else {
      throw StartFailure("--root-ca-file: \(rootCAFile) holds no certificate: it has to be PEM")
    }
    return text
  }
}

extension Settings {
  /// By which certificates clients know this server, PEM; nil where nobody has to. Makes the server's own where there are
  /// none yet. Throws `StartFailure`.
  func publishedCertificates() throws -> String? {
    if let rootCertificates { return rootCertificates }
    guard let secure else { return nil }
    try secure.certificateFolder?.prepare(for: secure)
    let folder = secure.certificateFolder
    let file = folder.flatMap { $0.hasAuthority ? $0.authorityFile : nil } ?? secure.tls.keyPair.certFile
    let flag = folder == nil ? "--tls-cert-file" : "--cert-dir"
    return String(decoding: try TextFile.contents(of: file, flag: flag), as: UTF8.self)
  }
}
