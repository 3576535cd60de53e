import Foundation

/// The recorded conversations that the repository has.
public enum Corpus {
  /// The files of `Tests/Conformance/cases/builtin`, without their ending: a suite a resource.
  public static let builtin: [String] = {
    let folder = Repository.root.appending(path: "Tests/Conformance/cases/builtin").path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
  }()

  /// Conversations that need what is not there yet, and what that is.
  public static let awaiting = [
    "scheduling.k8s.io-priorityclasses/built-in": "pods, and the objects that a fresh server holds",
    "storage.k8s.io-volumeattachments/sweep-create": "the rules for persistent volumes of all sources",
  ]
}
