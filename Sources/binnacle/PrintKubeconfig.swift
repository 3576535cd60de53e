import ArgumentParser
import ByteBuffers
import HTTPServer

/// `binnacle kubeconfig`: how kubectl reaches the server that `serve` starts with the same flags.
struct PrintKubeconfig: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kubeconfig", abstract: "Print a kubeconfig for the server that `serve` starts with the same flags.")
  @OptionGroup var options: ServeOptions

  static func run(_ options: ServeOptions) throws {
    print(try kubeconfig(options).text, terminator: "")
  }

  private static func kubeconfig(_ options: ServeOptions) throws -> Kubeconfig {
    guard let serving = try options.secureServing() else {
      let host = CertificateFolder.isWildcard(options.insecureBindAddress) ? "127.0.0.1" : options.insecureBindAddress
      return Kubeconfig(
        server: "http://\(HostPort.text(host, options.insecurePort ?? 8080))", authorities: nil, client: nil)
    }
    if let folder = serving.certificateFolder { return try folder.kubeconfig(server: serving.url) }
    // A chain from elsewhere may lack its authority; clients that find the server's own certificate among the trusted
    // are content as well.
    return Kubeconfig(
      server: serving.url,
      authorities: try TextFile.contents(of: serving.tls.keyPair.certFile, flag: "--tls-cert-file"), client: nil)
  }
}
