import ArgumentParser
import Storage

/// `binnacle storage migrate`
struct StorageMigrate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract:
      "Copy everything from one storage to another and compare. Stop the servers first; an interrupted run is continued with --resume."
  )

  @Option(help: "Storage to copy from: etcd3, etcd2 or sqlite.")
  var from: String
  @Option(help: "Directory of the database to copy from.")
  var fromDataDir = ""
  @Option(help: "Comma-separated client URLs of the etcd to copy from.")
  var fromEtcdServers = ""
  @Option(help: "CA that signed the certificate of the etcd to copy from.")
  var fromEtcdCafile = ""
  @Option(help: "Client certificate for the etcd to copy from.")
  var fromEtcdCertfile = ""
  @Option(help: "Key of that certificate.")
  var fromEtcdKeyfile = ""

  @Option(help: "Storage to copy to: etcd3, etcd2 or sqlite.")
  var to: String
  @Option(help: "Directory of the database to copy to. A new one goes on above the revision of the source.")
  var toDataDir = ""
  @Option(help: "Comma-separated client URLs of the etcd to copy to.")
  var toEtcdServers = ""
  @Option(help: "CA that signed the certificate of the etcd to copy to.")
  var toEtcdCafile = ""
  @Option(help: "Client certificate for the etcd to copy to.")
  var toEtcdCertfile = ""
  @Option(help: "Key of that certificate.")
  var toEtcdKeyfile = ""

  @Option(help: "What every key begins with, on both sides.")
  var etcdPrefix = "/registry"
  @Flag(help: "Copy into a storage whose revisions are lower than those that clients have seen. They must list anew.")
  var resetRevisions = false
  @Flag(
    help:
      "Go on with a migration that was interrupted: what is in the target already is kept, or written over where it differs."
  )
  var resume = false

  func run() async throws {
    var source = try StoragePlace(
      lead: "--from-", type: ("--from", from), etcdServers: fromEtcdServers, dataDir: fromDataDir,
      caFile: fromEtcdCafile, certFile: fromEtcdCertfile,
      keyFile: fromEtcdKeyfile, prefix: etcdPrefix
    ).config()
    var target = try StoragePlace(
      lead: "--to-", type: ("--to", to), etcdServers: toEtcdServers, dataDir: toDataDir, caFile: toEtcdCafile,
      certFile: toEtcdCertfile, keyFile: toEtcdKeyfile,
      prefix: etcdPrefix
    ).config()
    if source.type == target.type && source.sqlitePath == target.sqlitePath && source.serverList == target.serverList {
      throw StartFailure("--from and --to name the same storage")
    }
    // A file that is not there would be made, and be empty.
    if source.type == StorageBackend.typeSQLite && !TextFile.exists(source.sqlitePath) {
      throw StartFailure("--from-data-dir: there is no \(source.sqlitePath)")
    }
    source.compactionInterval = .zero
    target.compactionInterval = .zero
    try await with(source) { source in
      target.firstRevision = try await source.currentRevision()
      try await with(target) { target in
        try await migrate(Migration(from: source, to: target, prefix: etcdPrefix == "/" ? "/" : etcdPrefix + "/"))
      }
    }
  }

  private func with(_ config: StorageBackend.Config, _ body: (any Storage) async throws -> Void) async throws {
    let (storage, destroy): (any Storage, DestroyFunc)
    do { (storage, destroy) = try await newStorage(config) } catch StorageError.invalidConfiguration(let why) {
      throw StartFailure(why)
    }
    do { try await body(storage) } catch {
      await destroy()
      if let error = error as? StorageError { throw StartFailure("storage \(config.type): \(error)") }
      throw error
    }
    await destroy()
  }

  private func newStorage(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
    try await BackendFactory().create(config)
  }

  private func migrate(_ migration: Migration) async throws {
    do { try await migration.check(isResumed: resume, resetsRevisions: resetRevisions) } catch let refusal
      as Migration.Refusal
    { throw StartFailure(refusal.description) }
    let count = try await migration.count()
    var progress = ProgressLine("copying", of: count)
    let outcome: Migration.Outcome
    do { outcome = try await migration.copy(isResumed: resume) { _ in progress.advance() } } catch let refusal
      as Migration.Refusal
    { throw StartFailure(refusal.description) }
    progress.finish()
    print("\(outcome.copied) keys copied, \(outcome.present) were there already")
    if outcome.leftOut > 0 {
      print("\(outcome.leftOut) keys with a time to live were left out: they would have gone by themselves")
    }
    var comparing = ProgressLine("comparing", of: count)
    let differences = try await migration.differences { _ in comparing.advance() }
    comparing.finish()
    for line in differences { print(line) }
    guard differences.isEmpty else {
      print("the two differ: was the source written to meanwhile? Run it again with --resume")
      throw ExitCode.failure
    }
    print("source and target are equal")
  }
}
