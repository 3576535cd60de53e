import ArgumentParser
import Storage

/// `binnacle storage status`
struct StorageStatus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Where the storage is, how far it has come and how much it holds.")
  @OptionGroup var options: ServeOptions

  func run() async throws {
    try await OpenStorage.with(options) { open in
      print("storage: \(open.settings.storage.type) at \(open.settings.storagePlace)")
      print("prefix: \(open.settings.storage.prefix.isEmpty ? "/" : open.settings.storage.prefix)")
      do {
        try await open.raw.readinessCheck()
        print("ready: yes")
      } catch { print("ready: no (\(error))") }
      print("revision: \(try await open.raw.currentRevision())")
      print("oldest revision kept: \(try await open.raw.oldestWatchableRevision(atMostBack: .max))")
      print("keys: \(try await open.raw.count(prefix: open.settings.storage.prefix + "/"))")
      for resource in try await open.resources() {
        print("\(resource.name): \(try await resource.storage.count(prefix: resource.prefix))")
      }
    }
  }
}

/// `binnacle storage compact`
struct StorageCompact: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact", abstract: "Forget history; watches and pages of lists from before can't be continued.")
  @OptionGroup var options: ServeOptions
  @Option(help: "Forget what is older than this revision. Default: all history.")
  var revision: Int64?

  func run() async throws {
    if let revision, revision < 1 { throw StartFailure("--revision: \(revision) is not above 0") }
    try await OpenStorage.with(options) { open in
      let newest = try await open.raw.currentRevision()
      let target = revision.map { Revision($0) } ?? newest
      guard target <= newest else {
        throw StartFailure("--revision: \(target) is in the future, the storage is at \(newest)")
      }
      try await open.raw.compact(through: target)
      print("compacted through revision \(target)")
    }
  }
}
