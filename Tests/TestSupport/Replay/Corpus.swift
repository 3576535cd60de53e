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

  /// Conversations that need what is not there yet, and what that is.
  public static let awaiting = [
    "resource.k8s.io-deviceclasses/raw-bytes": "a decoder that keeps the white space of raw JSON",
    "resource.k8s.io-deviceclasses/sweep-create": expressions,
    "resource.k8s.io-deviceclasses/sweep-replace": expressions,
    "resource.k8s.io-resourceclaims/sweep-create": expressions,
    "resource.k8s.io-resourceclaims/sweep-replace": emptied,
    "resource.k8s.io-resourceclaimtemplates/sweep-create": expressions,
    "resource.k8s.io-resourceclaimtemplates/sweep-replace": emptied,
    "resource.k8s.io-resourceslices/sweep-replace": emptied,
  ]

  private static let expressions = "device selectors that are compiled"
  private static let emptied = "a decoder that tells a list which is empty from one which is absent"
}
