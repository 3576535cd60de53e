import Foundation

/// The recorded conversations that the repository has.
public enum Corpus {
  /// The files of `Tests/Conformance/cases/builtin`, without their ending: a suite a resource. Without `ofCallers`.
  public static let builtin: [String] = {
    let folder = Repository.root.appending(path: "Tests/Conformance/cases/builtin").path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
      .filter { !ofCallers.contains($0) }
  }()

  /// Files of that folder whose answers tell who asks: they are replayed as `admin`, over HTTPS.
  public static let ofCallers = ["certificates.k8s.io-certificatesigningrequests"]
}
