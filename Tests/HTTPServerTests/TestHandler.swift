import ByteBuffers
import Synchronization

@testable import HTTPServer

/// Answers by what the path asks for.
final class TestHandler: RequestHandler {
  static let large = ByteSlice(SharedBytes([UInt8](repeating: 0x78, count: 8 << 20)))
  let closed = Atomic<Int>(0)
  let cancelled = Atomic<Int>(0)
  let started = Atomic<Int>(0)

  /// What was refused: status, method and target, and whether the head was whole.
  let refusals = Mutex<[String]>([])

  func refusal(_ refused: RefusedRequest) -> Response? {
    let what =
      refused.request.map { "\($0.methodName) \($0.path)\($0.query.map { "?" + $0 } ?? "") \(refused.isHeadKnown)" }
      ?? "-"
    refusals.withLock { $0.append("\(refused.status) \(what)") }
    return nil
  }

  func handle(_ request: Request, _ exchange: Exchange) {
    started.add(1, ordering: .relaxed)
    let path = request.path
    let body = request.body
    if let limit = request.exceededBodyLimit, path != "/never", path != "/whoami" {
      return exchange.respond(Response(status: 413, body: [ByteSlice(SharedBytes("limit is \(limit)"))]))
    }
    switch path {
    case "/echo": exchange.respond(Response(status: 200, body: [body]))
    case "/whoami": exchange.respond(Response(status: 200, body: [ByteSlice(SharedBytes("\(request.client)"))]))
    case "/request":
      let fields = request.fields.map { field in
        (
          String(
            decoding: UnsafeRawBufferPointer(start: request.base + field.name.lowerBound, count: field.name.count),
            as: UTF8.self),
          String(
            decoding: UnsafeRawBufferPointer(start: request.base + field.value.lowerBound, count: field.value.count),
            as: UTF8.self)
        )
      }
      let text =
        "\(request.methodName) \(path) \(request.query ?? "-")\n"
        + fields.map { "\($0.0.lowercased()): \($0.1)\n" }.sorted().joined()
      exchange.respond(Response(status: 200, body: [ByteSlice(SharedBytes(text))]))
    case "/large": exchange.respond(Response(status: 200, body: [Self.large]))
    case "/own":
      var response = Response(status: 200, body: [Self.large])
      response.ownBytes = 8 << 20
      exchange.respond(response)
    case "/many":
      exchange.respond(Response(status: 200, body: (0..<5_000).map { ByteSlice(SharedBytes("item \($0)\n")) }))
    case "/later":
      exchange.perform {
        try? await Task.sleep(for: .milliseconds(20))
        exchange.respond(Response(status: 200, body: [ByteSlice(SharedBytes("later"))]))
      }
    case "/never":
      exchange.perform {
        do { try await Task.sleep(for: .seconds(600)) } catch { self.cancelled.add(1, ordering: .relaxed) }
      }
    // Does not hear that it is cancelled.
    case "/stubborn": exchange.perform { await Task.detached { try? await Task.sleep(for: .seconds(3)) }.value }
    case "/elsewhere":
      Task.detached { exchange.respond(Response(status: 200, body: [ByteSlice(SharedBytes("elsewhere"))])) }
    case "/twice":
      exchange.respond(Response(status: 200, body: [ByteSlice(SharedBytes("first"))]))
      exchange.respond(Response(status: 500))
    case "/stream":
      guard
        let stream = exchange.startStream(
          ResponseHead(status: 200), onClose: { self.closed.add(1, ordering: .relaxed) })
      else { return }
      stream.send([ByteSlice(SharedBytes("one,"))])
      exchange.reactor.schedule(after: .milliseconds(10)) {
        stream.send([ByteSlice(SharedBytes("two"))])
        stream.finish()
      }
    case "/endless":
      _ = exchange.startStream(ResponseHead(status: 200), onClose: { self.closed.add(1, ordering: .relaxed) })
    case "/drained":
      let box = Mutex<ResponseStream?>(nil)
      let end: @Sendable () -> Void = { box.withLock { $0 }?.finish() }
      let stream = exchange.startStream(
        ResponseHead(status: 200), onClose: { self.closed.add(1, ordering: .relaxed) }, onDrain: end)
      box.withLock { $0 = stream }
    case "/aborted":
      guard let stream = exchange.startStream(ResponseHead(status: 200)) else { return }
      stream.send([ByteSlice(SharedBytes("half"))])
      exchange.reactor.schedule(after: .milliseconds(20)) { stream.abort() }
    case "/flood":
      // A watch that has more to say than its client may want: 64 KiB whenever there is room.
      Flood(self).start(exchange)
    default: exchange.respond(Response(status: 404))
    }
  }

  /// Keeps a stream full without end.
  private final class Flood: @unchecked Sendable {  // Sendable: touched on the exchange's reactor only.
    private let handler: TestHandler
    private var stream: ResponseStream?
    private static let piece = ByteSlice(SharedBytes([UInt8](repeating: 0x66, count: 64 << 10)))
    init(_ handler: TestHandler) { self.handler = handler }

    func start(_ exchange: Exchange) {
      stream = exchange.startStream(
        ResponseHead(status: 200), onWritable: { self.fill() },
        onClose: {
          self.handler.closed.add(1, ordering: .relaxed)
          self.stream = nil
        })
      fill()
    }

    private func fill() {
      while let stream, stream.pendingBytes < 512 << 10 { stream.send([Self.piece]) }
    }
  }
}
