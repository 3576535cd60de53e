import ArgumentParser
import Glibc
import Storage
import StorageEtcd3
import StorageSQLite
import Synchronization

/// `binnacle storage snapshot`
struct StorageSnapshot: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract:
      "Copy all of the storage to a file, checked: the embedded database, also while it is served, or a member of an etcd3 as etcdctl does."
  )
  @OptionGroup var options: ServeOptions
  @Argument(help: "The file to make.") var file: String

  func run() async throws {
    let settings = try options.checked()
    switch settings.storage.type {
    case StorageBackend.typeSQLite: try embedded(settings.storage.sqlitePath)
    case StorageBackend.typeETCD2:
      throw StartFailure("storage snapshot: etcd2 has no snapshots: take `binnacle storage migrate --to sqlite`")
    default: try await etcd(settings.storage)
    }
  }

  private func embedded(_ database: String) throws {
    let target = file.hasPrefix("/") ? file : "\(Self.folder)/\(file)"
    var end = ""
    var progress: SnapshotProgress?
    // Whoever serves it has it open and nobody else can; so it is asked.
    let isServed = ControlSocket.ask(besides: database, "snapshot \(target)") { line in
      let words = line.split(separator: " ")
      guard words.first == "progress", words.count == 3, let done = Int(words[1]), let all = Int(words[2]) else {
        return end = line
      }
      progress = progress ?? SnapshotProgress("snapshot of \(database)")
      progress?.reached(done, of: all)
    }
    progress?.finish()
    if !isServed {
      let facts = try SnapshotWork.run("snapshot of \(database)") { progress in
        try SQLiteSnapshot.take(of: database, to: file, progress: progress)
      }
      return print("\(file): \(facts.text)")
    }
    guard end.hasPrefix("ok ") else {
      throw StartFailure(
        end.isEmpty ? "the server ended before the snapshot was done" : String(end.dropFirst("error ".count)))
    }
    print("\(file): \(end.dropFirst(3))")
  }

  private func etcd(_ config: StorageBackend.Config) async throws {
    let progress = Mutex(SnapshotProgress("snapshot of \(config.serverList.joined(separator: ","))"))
    do {
      let size = try await Etcd3Snapshot.take(config, to: file) { done, all in
        progress.withLock { $0.reached(done, of: all) }
      }
      progress.withLock { $0.finish() }
      print("\(file): \(size) bytes; `etcdctl snapshot restore` makes members of it")
    } catch StorageError.invalidConfiguration(let why) { throw StartFailure(why) } catch StorageError.unreachable(
      let why)
    { throw StartFailure(why) }
  }

  private static var folder: String {
    guard let name = getcwd(nil, 0) else { return "." }
    defer { free(name) }
    return String(cString: name)
  }

  /// The daemon's side of it. On the control socket's thread.
  static func answer(_ request: String, _ storage: SQLiteStorage, _ say: (String) -> Void) {
    guard request.hasPrefix("snapshot /") else { return say("error unknown request") }
    do {
      let facts = try storage.snapshot(to: String(request.dropFirst("snapshot ".count))) { done, all in
        say("progress \(done) \(all)")
      }
      say("ok \(facts.text)")
    } catch StorageError.invalidConfiguration(let why) { say("error \(why)") } catch { say("error \(error)") }
  }
}

extension SQLiteSnapshot.Facts {
  fileprivate var text: String { "revision \(revision), \(keys) keys, \(bytes) bytes" }
}

/// `binnacle storage restore`
struct StorageRestore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract:
      "Make the embedded database in --data-dir from a file that `snapshot` made. Nothing that is there is written over."
  )
  @OptionGroup var options: ServeOptions
  @Argument(help: "The snapshot.") var file: String

  func run() async throws {
    let settings = try options.checked()
    guard settings.storage.type == StorageBackend.typeSQLite else {
      throw StartFailure(
        "storage restore is for the embedded database; of an etcd's snapshot `etcdctl snapshot restore` makes members")
    }
    let database = settings.storage.sqlitePath
    let facts = try SnapshotWork.run("restoring \(database)") { progress in
      try TextFile.makeFolder(options.dataDir, flag: "--data-dir")
      return try SQLiteSnapshot.restore(file, to: database, progress: progress)
    }
    print(
      "\(database): revision \(facts.revision), \(facts.keys) keys. Clients that saw later revisions have to list anew."
    )
  }
}

/// A progress line of work that says how much there is as it goes.
private struct SnapshotProgress: Sendable {
  private let title: String
  private var line: ProgressLine?
  private var percent = 0

  init(_ title: String) { self.title = title }

  mutating func reached(_ done: Int, of all: Int) {
    var line = line ?? ProgressLine(title, of: 100)
    while percent < done * 100 / max(all, 1) {
      line.advance()
      percent += 1
    }
    self.line = line
  }

  mutating func finish() { line?.finish() }
}

private enum SnapshotWork {
  static func run(
    _ title: String, _ body: ((Int, Int) -> Void) throws -> SQLiteSnapshot.Facts
  ) throws -> SQLiteSnapshot.Facts {
    var progress = SnapshotProgress(title)
    do {
      let facts = try body { pages, all in progress.reached(pages, of: all) }
      progress.finish()
      return facts
    } catch StorageError.invalidConfiguration(let why) { throw StartFailure(why) }
  }
}
