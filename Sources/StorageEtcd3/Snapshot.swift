import ByteBuffers
import CCrypto
import CurlHTTP
import EtcdTransport
import Glibc
import JSON
public import Storage
import Synchronization

/// A member's whole database in a file, as `etcdctl snapshot save` writes it: what `etcdctl snapshot restore` makes
/// members of. (etcd `Maintenance.Snapshot`.)
public enum Etcd3Snapshot {
  /// The database is followed by the SHA-256 of it.
  private static let digestBytes = 32
  /// As the database's pages; a file that is whole is so many, and the digest.
  private static let pageBytes = 512
  /// Without a piece for so long a member is held to be gone.
  private static let patience: Duration = .seconds(30)

  /// Asks one member for all that it has, and writes that to `target`, which must not exist. `progress` hears of bytes
  /// done and of all. Returns the file's size. Throws `.invalidConfiguration` with one line, and then leaves nothing
  /// behind.
  public static func take(
    _ config: StorageBackend.Config, to target: String, progress: @escaping @Sendable (Int, Int) -> Void
  ) async throws -> Int {
    let draft = try DraftFile(of: target)
    let (storage, destroy) = try await Etcd3Storage.make(config)
    guard let etcd = storage as? Etcd3Storage else {
      throw StorageError.invalidConfiguration("the storage is no etcd3")
    }
    let received = await receive(etcd.client, into: draft.descriptor, progress)
    await destroy()
    let size = try received.get()
    try check(draft.descriptor, size)
    try draft.keep()
    return size
  }

  /// What is under way. On the client's thread.
  private final class Download: @unchecked Sendable {  // Sendable: touched on the client's thread only.
    let descriptor: Int32
    var size = 0
    var failure: String?
    var lastPiece = ContinuousClock.now
    var isOver = false
    var stream: HTTPStream?
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// A line of the answer: a piece of the database, or why there is none.
    func take(_ line: SharedBytes, _ progress: (Int, Int) -> Void) {
      guard failure == nil else { return }
      lastPiece = .now
      guard let root = try? JSONTape.parse(line).root, let result = root["result"] else {
        failure =
          (try? JSONValue(parsing: ByteSlice(line)))?["error"]?["message"]?.string
          ?? String(decoding: ByteSlice(line).array.prefix(200), as: UTF8.self)
        return
      }
      let (bytes, remaining): (SharedBytes, Int64)
      do throws(StorageError) {
        bytes = try result.wireObject("result")["blob"]?.wireBytes("blob") ?? .empty
        remaining = try result["remaining_bytes"]?.wireInt("remaining_bytes") ?? 0
      } catch {
        failure = "\(error)"
        return
      }
      var written = 0
      while written < bytes.count {
        let count = bytes.withUnsafeBytes {
          Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written)
        }
        guard count > 0 else {
          failure = String(cString: strerror(errno))
          return
        }
        written += count
      }
      size += bytes.count
      progress(size, size + Int(clamping: remaining))
    }
  }

  private static func receive(
    _ client: Etcd3Client, into descriptor: Int32, _ progress: @escaping @Sendable (Int, Int) -> Void
  ) async -> Result<Int, StorageError> {
    let endpoint = client.endpoints.choose().index
    let url = client.snapshotURL(endpoint)
    let download = Download(descriptor)
    return await withCheckedContinuation { done in
      let isPosted = client.http.post {
        func end(_ why: String?) {
          guard !download.isOver else { return }
          download.isOver = true
          download.stream?.close()
          let reason = download.failure ?? why
          done.resume(
            returning: reason.map {
              .failure(.invalidConfiguration("snapshot of \(client.endpoints.all[endpoint].base): \($0)"))
            } ?? .success(download.size))
        }
        func watch() {
          client.http.schedule(after: .seconds(1)) {
            guard !download.isOver else { return }
            if .now - download.lastPiece > patience { return end("nothing came for \(patience.components.seconds) s") }
            watch()
          }
        }
        download.stream = client.http.openStream(
          url: url, onLine: { line in download.take(line, progress) },
          onEnd: { status, rest, failure in
            if rest.count > 0 { download.take(rest, progress) }
            end(failure?.description ?? (status == 200 ? nil : "it answered \(status)"))
          })
        download.stream?.send(SharedBytes("{}"))
        download.stream?.finishBody()
        watch()
      }
      if !isPosted { done.resume(returning: .failure(.shutDown)) }
    }
  }

  /// Is it all there, as the member sent it?
  private static func check(_ descriptor: Int32, _ size: Int) throws {
    guard size > digestBytes, size % pageBytes == digestBytes, let context = EVP_MD_CTX_new() else {
      throw StorageError.invalidConfiguration("the snapshot came in part only: \(size) bytes")
    }
    defer { EVP_MD_CTX_free(context) }
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
    var room = [UInt8](repeating: 0, count: 1 << 20)
    var place = 0
    while place < size - digestBytes {
      let count = pread(descriptor, &room, min(room.count, size - digestBytes - place), off_t(place))
      guard count > 0 else {
        throw StorageError.invalidConfiguration("the snapshot can't be read again: \(String(cString: strerror(errno)))")
      }
      EVP_DigestUpdate(context, room, count)
      place += count
    }
    var digest = [UInt8](repeating: 0, count: digestBytes)
    var sent = digest
    EVP_DigestFinal_ex(context, &digest, nil)
    guard pread(descriptor, &sent, digestBytes, off_t(place)) == digestBytes, sent == digest else {
      throw StorageError.invalidConfiguration("the snapshot is damaged: its digest is another")
    }
  }
}
