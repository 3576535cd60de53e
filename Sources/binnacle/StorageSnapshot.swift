import ArgumentParser
import Storage
import StorageSQLite

/// `binnacle storage snapshot`
struct StorageSnapshot: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot", abstract: "Copy the embedded database to a file, checked page by page. The server must not run.")
  @OptionGroup var options: ServeOptions
  @Argument(help: "The file to make.") var file: String

  func run() async throws {
    let database = try options.database(for: "snapshot")
    let facts = try SnapshotWork.run("snapshot of \(database)") { progress in try SQLiteSnapshot.take(of: database, to: file, progress: progress) }
    print("\(file): revision \(facts.revision), \(facts.keys) keys, \(facts.bytes) bytes")
  }
}

/// `binnacle storage restore`
struct StorageRestore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Make the embedded database in --data-dir from a file that `snapshot` made. Nothing that is there is written over.")
  @OptionGroup var options: ServeOptions
  @Argument(help: "The snapshot.") var file: String

  func run() async throws {
    let database = try options.database(for: "restore")
    let facts = try SnapshotWork.run("restoring \(database)") { progress in
      try TextFile.makeFolder(options.dataDir, flag: "--data-dir")
      return try SQLiteSnapshot.restore(file, to: database, progress: progress)
    }
    print("\(database): revision \(facts.revision), \(facts.keys) keys. Clients that saw later revisions have to list anew.")
  }
}

private enum SnapshotWork {
  static func run(_ title: String, _ body: ((Int, Int) -> Void) throws -> SQLiteSnapshot.Facts) throws -> SQLiteSnapshot.Facts {
    var progress: ProgressLine?
    var done = 0
    do {
      let facts = try body { pages, all in
        var line = progress ?? ProgressLine(title, of: all)
        while done < pages {
          line.advance()
          done += 1
        }
        progress = line
      }
      progress?.finish()
      return facts
    } catch StorageError.invalidConfiguration(let why) { throw StartFailure(why) }
  }
}

extension ServeOptions {
  /// The file of the embedded database. Throws `StartFailure` where the storage is another one, with what its own tools do instead.
  fileprivate func database(for command: String) throws -> String {
    let settings = try checked()
    guard settings.storage.type == StorageBackend.typeSQLite else {
      throw StartFailure("storage \(command) is for the embedded database; of an etcd take `etcdctl snapshot \(command == "snapshot" ? "save" : "restore")`, or `binnacle storage migrate --to sqlite`")
    }
    return settings.storage.sqlitePath
  }
}
