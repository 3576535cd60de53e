import ByteBuffers
import EtcdTransport
import JSON
import Storage

extension CallFailure {
  /// An answer that is not 200. etcd 3.4 and 3.5 write `{"error","message","code"}`, 3.6 `{"code","message"}`.
  init(status: Int, body: SharedBytes) {
    var code = 0
    var text = ""
    if let tape = try? JSONTape.parse(body) {
      code = tape.root["code"].flatMap { $0.int }.map { Int(clamping: $0) } ?? 0
      text = (tape.root["message"] ?? tape.root["error"])?.string ?? ""
    }
    if text.isEmpty { text = "HTTP status \(status)" }
    self.init(code: code, text: text, status: status)
  }

  /// `code` is gRPC's.
  init(code: Int, text: String, status: Int = 0) {
    let isBusy = text.contains("too many requests")
    // Cancelled, unknown, deadline exceeded, internal, unavailable: what a member without leader, one that stops or a
    // broken proxy says.
    let isTrouble = [1, 2, 4, 13, 14].contains(code) || status >= 500 || (code == 0 && status != 0)
    self.init(isBusy ? .busy : isTrouble ? .endpoint : .final, code: code, text, mayHaveApplied: !isBusy && isTrouble)
  }

  /// The one place where etcd's errors become the storage's. `requested` and `current` are for the errors about
  /// revisions, which only their text tells apart.
  func storageError(requested: Int64 = 0, current: Int64 = 0) -> any Error {
    switch kind {
    case .endpoint, .busy: return StorageError.unreachable("etcd: \(text)")
    case .cancelled: return CancellationError()
    case .shutDown: return StorageError.shutDown
    case .final: break
    }
    if text.contains("required revision has been compacted") {
      return StorageError.compacted(requested: Revision(requested), compacted: .zero)
    }
    if text.contains("required revision is a future revision") {
      return StorageError.futureRevision(requested: Revision(requested), current: Revision(current))
    }
    if text.contains("request is too large") || text.contains("larger than max") { return StorageError.tooLarge(text) }
    if text.contains("database space exceeded") { return StorageError.outOfSpace(text) }
    return StorageError.refused(text)
  }
}
